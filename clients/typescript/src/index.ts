export { type Api, createApi, idempotencyKey, ifMatch, unwrap } from "./api.js";
export type { ConnectionOptions, TokenSource } from "./auth.js";
export { TIMINGS, type Timings } from "./backoff.js";
export {
  type Calendar,
  type CalendarOptions,
  type CalendarState,
  type CalendarUpdate,
  openCalendar,
} from "./calendar.js";
export type { Environment } from "./environment.js";
export {
  ApiError,
  type Conflict,
  type ErrorCode,
  type ErrorDetails,
  type FieldFault,
  type Slot,
  type Violation,
} from "./errors.js";
export type { components, operations, paths } from "./schema.js";
export {
  applyEvent,
  type CalendarChange,
  type CalendarSnapshot,
  type Maintenance,
  type MaintenanceChange,
  type Reservation,
  type ReservationChange,
  type Section,
} from "./snapshot.js";
export {
  type EventSourceConstructor,
  type EventSourceLike,
  StreamNotOpenedError,
  type StreamOptions,
  UnexpectedAnswerError,
} from "./transport.js";
