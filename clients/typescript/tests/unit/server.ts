import { vi } from "vitest";
import {
  type CalendarOptions,
  type CalendarUpdate,
  openCalendar,
  type Reservation,
} from "../../src/index.js";

export const WINDOW = { from: "2032-03-01T00:00:00Z", to: "2032-04-01T00:00:00Z" };

export function booking(id: string, more: Partial<Reservation> = {}): Reservation {
  return {
    id,
    asset_id: "a1",
    user_id: "u1",
    title: id,
    start_date: "2032-03-05T10:00:00Z",
    end_date: "2032-03-05T12:00:00Z",
    status: "approved",
    guest_count: null,
    version: 1,
    ...more,
  };
}

/** One stream as the server sees it. */
export class FakeStream {
  readonly cursor: string | null;
  readonly token: string | null;
  readonly response: Response;
  closed = false;
  /** Whether the reader has let go of what it could still read. */
  body: "open" | "canceled" = "open";
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(request: Request) {
    this.cursor = request.headers.get("last-event-id");
    this.token = request.headers.get("authorization");
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.closed = true;
        this.body = "canceled";
      },
    });
    request.signal.addEventListener("abort", () => {
      this.closed = true;
    });
    this.response = new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
  }

  write(text: string | Uint8Array): void {
    this.#controller.enqueue(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  send(event: string, data: unknown, id?: string, retry?: number): void {
    const lines = [`event: ${event}`, `data: ${JSON.stringify(data)}`];
    if (id !== undefined) lines.unshift(`id: ${id}`);
    if (retry !== undefined) lines.push(`retry: ${retry}`);
    this.write(`${lines.join("\n")}\n\n`);
  }

  ready(resumed = true): void {
    const cursor = this.cursor ?? "";
    this.send("ready", { resumed, cursor }, resumed ? cursor : "head");
  }

  created(id: string, cursor: string): void {
    const payload = { reservation: booking(id), previousState: null };
    const told = {
      type: "reservation_created",
      payload,
      timestamp: "2032-01-01T00:00:00Z",
      sourceUserId: "u1",
    };
    this.send("reservation_created", told, cursor);
  }

  end(): void {
    this.#controller.close();
  }

  cut(): void {
    this.#controller.error(new TypeError("terminated"));
  }
}

export const failure = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json(
    { success: false, error: { code, message: code, timestamp: "" }, metadata: { requestId: "r1" } },
    { status, headers },
  );

/** A server whose answers the test gives. */
export class FakeServer {
  readonly streams: FakeStream[] = [];
  readonly windows: string[] = [];
  /** What GET …/calendar holds. */
  reservations: Reservation[] = [];
  cursor = "c0";
  /** Answers in place of the usual ones, for as long as they are set; null is a network that is down. */
  onCalendar: ((request: Request) => Response | null) | undefined;
  onStream: ((request: Request) => Response | null) | undefined;
  /** Every stream opens by itself. */
  opens = true;
  /** Every request, as milliseconds of the fake clock. */
  readonly times: number[] = [];

  readonly fetch: typeof fetch = async (input) => {
    const request = input as Request;
    this.times.push(Date.now());
    request.signal.throwIfAborted();
    const answer = request.url.includes("/stream") ? this.#stream(request) : this.#calendar(request);
    if (answer === null) throw new TypeError("fetch failed");
    return answer;
  };

  get stream(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("no stream was opened");
    return stream;
  }

  #calendar(request: Request): Response | null {
    const query = new URL(request.url).searchParams;
    this.windows.push(`${query.get("from")}/${query.get("to")}`);
    if (this.onCalendar !== undefined) return this.onCalendar(request);
    const data = { reservations: this.reservations, maintenance: [], cursor: this.cursor };
    return Response.json({ success: true, data, metadata: {} });
  }

  #stream(request: Request): Response | null {
    if (this.onStream !== undefined) return this.onStream(request);
    const stream = new FakeStream(request);
    this.streams.push(stream);
    if (this.opens) stream.ready();
    return stream.response;
  }
}

/** Lets everything happen that waits for nothing. */
export async function settle(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets the fake clock run, and what then happens. */
export async function pass(milliseconds: number): Promise<void> {
  await settle();
  // In steps, so that what one timer brings about can set another.
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    await vi.advanceTimersByTimeAsync(Math.min(50, end - Date.now()));
    await settle();
  }
}

export function useFakeClock(): void {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
}

/** What the browser would say. */
export class FakeEnvironment {
  online = true;
  /** Milliseconds that the wall's clock is off. */
  shift = 0;
  #listener: ((event: "online" | "offline" | "visible") => void) | undefined;

  readonly isOnline = () => this.online;
  readonly now = () => Date.now() + this.shift;
  readonly watch = (listener: (event: "online" | "offline" | "visible") => void) => {
    this.#listener = listener;
    return () => {
      this.#listener = undefined;
    };
  };

  get watched(): boolean {
    return this.#listener !== undefined;
  }

  say(event: "online" | "offline" | "visible"): void {
    if (event !== "visible") this.online = event === "online";
    this.#listener?.(event);
  }
}

/** A calendar of a fake server, and what it has said. */
export function openFake(server: FakeServer, more: Partial<CalendarOptions> = {}) {
  const environment = new FakeEnvironment();
  const updates: CalendarUpdate[] = [];
  const tokens: (string | undefined)[] = [];
  const calendar = openCalendar({
    baseUrl: "http://calendar.test",
    organizationId: "o1",
    token: (rejected) => {
      tokens.push(rejected);
      return `t${tokens.filter((each) => each !== undefined).length}`;
    },
    fetch: server.fetch,
    environment,
    // The longest that jitter allows, so that times can be told.
    random: () => 1,
    ...WINDOW,
    ...more,
  });
  calendar.subscribe((update) => updates.push(update));
  return {
    calendar,
    environment,
    updates,
    tokens,
    titles: () => [...calendar.snapshot.reservations.values()].map(({ title }) => title).sort(),
    changes: () => updates.flatMap((each) => (each.kind === "change" ? [each.change.cursor] : [])),
    states: () => updates.flatMap((each) => (each.kind === "state" ? [each.state] : [])),
    snapshots: () => updates.flatMap((each) => (each.kind === "snapshot" ? [each.reason] : [])),
    errors: () => updates.flatMap((each) => (each.kind === "error" ? [each] : [])),
  };
}
