import type { Timings } from "./backoff.js";
import type { Environment } from "./environment.js";
import type { CalendarChange, CalendarSnapshot } from "./snapshot.js";
import { StreamedCalendar } from "./streamed-calendar.js";
import type { EventSourceConstructor, StreamOptions } from "./transport.js";

/**
 * `live`: the stream is open and level; `catching_up`: it is (re)connecting, replaying, or what is shown
 * is fetched anew; `offline`: the browser says so, or nothing was reachable for a while; `closed`: by
 * you, or as the server refused.
 */
export type CalendarState = "connecting" | "live" | "catching_up" | "offline" | "closed";

export type CalendarUpdate =
  /** All of the snapshot is new: the first one, another window's, or what was shown had become stale. */
  | {
      readonly kind: "snapshot";
      readonly reason: "opened" | "window" | "reset";
      readonly snapshot: CalendarSnapshot;
    }
  /** The snapshot has changed by this. */
  | { readonly kind: "change"; readonly change: CalendarChange; readonly snapshot: CalendarSnapshot }
  | { readonly kind: "state"; readonly state: CalendarState }
  /** Something failed. It is tried again, unless it is fatal: then the calendar is closed. */
  | { readonly kind: "error"; readonly error: unknown; readonly fatal: boolean };

export interface Calendar {
  readonly state: CalendarState;
  readonly snapshot: CalendarSnapshot;
  /** Tells of each update from now on, until the returned function is called. */
  subscribe(listener: (update: CalendarUpdate) => void): () => void;
  /**
   * Show another window, at most 400 days. Resolves once it is shown, or something newer took its place.
   *
   * @throws ApiError where the server refuses the window; the one before stays. RangeError for an invalid Date.
   */
  setWindow(from: string | Date, to: string | Date): Promise<void>;
  close(): void;
}

export interface CalendarOptions extends StreamOptions {
  /** The window's bounds: RFC 3339 with an offset, or a Date; `to` is outside. */
  from: string | Date;
  to: string | Date;
  /**
   * `fetch` can read errors and sends the token as a header; `eventsource` takes a ticket for each
   * connection.
   */
  transport?: "fetch" | "eventsource" | undefined;
  /** Where the global one is not to be used, or there is none. */
  EventSource?: EventSourceConstructor | undefined;
  timings?: Partial<Timings> | undefined;
  random?: (() => number) | undefined;
  environment?: Environment | undefined;
}

/** Opens a calendar: fetches the window, follows the stream from its cursor, and keeps at it until closed. */
export function openCalendar(options: CalendarOptions): Calendar {
  return new StreamedCalendar(options);
}
