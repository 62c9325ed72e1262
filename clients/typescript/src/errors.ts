import type { components } from "./schema.js";

type Schemas = components["schemas"];
export type Conflict = Schemas["Conflict"];
export type Slot = Schemas["Slot"];
export type Violation = Schemas["Violation"];
export type FieldFault = Schemas["FieldFault"];
export type ErrorCode = Schemas["Error"]["code"];
/** What an error says to programs; which of it is there depends on its code. */
export type ErrorDetails = Readonly<Schemas["Details"]>;

const FOREIGN = "HTTP_";

/** An answer that is not a success: what the API said, or the bare status where a proxy answered instead. */
export class ApiError extends Error {
  readonly status: number;
  /**
   * One of the API's codes; `HTTP_<status>` where the answer was not the API's; `ACCESS_REVOKED` of a
   * stream.
   */
  readonly code: ErrorCode | (string & {});
  readonly details: ErrorDetails;
  readonly requestId: string | undefined;
  /** Seconds after which a retry makes sense. */
  readonly retryAfter: number | undefined;

  constructor(init: {
    status: number;
    code: string;
    message: string;
    details?: ErrorDetails | undefined;
    requestId?: string | undefined;
    retryAfter?: number | undefined;
  }) {
    super(init.message);
    this.name = "ApiError";
    this.status = init.status;
    this.code = init.code;
    this.details = init.details ?? {};
    this.requestId = init.requestId;
    this.retryAfter = init.retryAfter;
  }

  /** The API itself said it, and not a proxy in front of it, which knows nothing of what was asked for. */
  get isOfApi(): boolean {
    return !this.code.startsWith(FOREIGN);
  }

  get fields(): readonly FieldFault[] {
    return this.details.fields ?? [];
  }

  get conflicts(): readonly Conflict[] {
    return this.details.conflicts ?? [];
  }

  get alternatives(): readonly Slot[] {
    return this.details.alternatives ?? [];
  }

  get violations(): readonly Violation[] {
    return this.details.violations ?? [];
  }

  /** The present state, on 412: of a booking unless said otherwise. */
  current<T = Schemas["Reservation"]>(): T | undefined {
    return this.details.current as T | undefined;
  }

  /** Of a response and its body, read as JSON if it is JSON. */
  static of(response: Response, body: unknown): ApiError {
    const error = isRecord(body) && isRecord(body.error) ? body.error : {};
    const metadata = isRecord(body) && isRecord(body.metadata) ? body.metadata : {};
    return new ApiError({
      status: response.status,
      code: typeof error.code === "string" ? error.code : `${FOREIGN}${response.status}`,
      message: typeof error.message === "string" ? error.message : `The server answered ${response.status}.`,
      details: isRecord(error.details) ? error.details : undefined,
      requestId:
        typeof metadata.requestId === "string"
          ? metadata.requestId
          : (response.headers.get("x-request-id") ?? undefined),
      retryAfter:
        typeof error.retryAfter === "number"
          ? error.retryAfter
          : retryAfterOf(response.headers.get("retry-after")),
    });
  }

  /** Of a response whose body nobody has read. */
  static async read(response: Response): Promise<ApiError> {
    const body: unknown = await response.json().catch(() => undefined);
    return ApiError.of(response, body);
  }
}

/** Seconds of a Retry-After header (RFC 9110, 10.2.3); a date is counted from now. */
export function retryAfterOf(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
