import { type Api, createApi, unwrap } from "./api.js";
import { backoff, TIMINGS, type Timings } from "./backoff.js";
import { environment as browser, type Environment } from "./environment.js";
import { ApiError } from "./errors.js";
import { fetchCalendar, type Window } from "./fetch-calendar.js";
import { type End, Session, type SessionHandlers } from "./session.js";
import { applyEvent, type CalendarChange, type CalendarSnapshot } from "./snapshot.js";
import {
  type EventSourceConstructor,
  eventSourceTransport,
  fetchTransport,
  StreamNotOpenedError,
  type StreamOptions,
  type Transport,
} from "./transport.js";

/**
 * `live`: the stream is open and level; `catching_up`: it is (re)connecting, replaying, or what is shown is fetched anew;
 * `offline`: the browser says so, or nothing was reachable for a while; `closed`: by you, or as the server refused.
 */
export type CalendarState = "connecting" | "live" | "catching_up" | "offline" | "closed";

export type CalendarUpdate =
  /** All of the snapshot is new: the first one, another window's, or after a reset. */
  | { readonly kind: "snapshot"; readonly snapshot: CalendarSnapshot }
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
   * @throws ApiError where the server refuses the window; the one before stays.
   */
  setWindow(from: string | Date, to: string | Date): Promise<void>;
  close(): void;
}

export interface CalendarOptions extends StreamOptions {
  /** The window's bounds: RFC 3339 with an offset, or a Date; `to` is outside. */
  from: string | Date;
  to: string | Date;
  /** `fetch` can read errors and sends the token as a header; `eventsource` takes a ticket for each connection. */
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

// How often, within the longest silence, it is looked whether anything came.
const TICKS = 9;

class StreamedCalendar implements Calendar {
  readonly #options: CalendarOptions;
  readonly #api: Api;
  readonly #transport: Transport;
  readonly #timings: Timings;
  readonly #random: () => number;
  readonly #environment: Environment;
  readonly #listeners = new Set<(update: CalendarUpdate) => void>();
  readonly #stop = new AbortController();
  readonly #handlers: SessionHandlers;
  #state: CalendarState = "connecting";
  #snapshot: CalendarSnapshot;
  /** Where the stream stands; the snapshot's stays at its last change. */
  #cursor = "";
  #window: Window;
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  /** What is shown must be fetched before the stream is followed. */
  #stale = true;
  /** The snapshot is new, and no stream has opened from its cursor yet. */
  #untried = false;
  #session: Session | undefined;
  #replacing: AbortController | undefined;
  /** Failures since a stream last held for a while. */
  #failures = 0;
  #wake: (() => void) | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #stabilizing: ReturnType<typeof setTimeout> | undefined;
  #despairing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CalendarOptions) {
    this.#options = options;
    this.#api = createApi(options);
    this.#transport = transportOf(options);
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#random = options.random ?? Math.random;
    this.#environment = options.environment ?? browser;
    this.#window = { from: iso(options.from), to: iso(options.to) };
    this.#snapshot = { ...this.#window, reservations: new Map(), maintenance: new Map(), cursor: "" };
    this.#handlers = {
      ready: (session) => this.#ready(session),
      change: (change) => this.#change(change),
      moved: (cursor) => {
        this.#cursor = cursor;
        if (this.#state !== "live") this.#settleSoon();
      },
      reauth: (session) => void this.#succeed(session),
    };
    const unwatch = this.#environment.watch((event) => this.#noticed(event));
    const ticking = setInterval(() => {
      this.#session?.tick(this.#timings.silence / TICKS, this.#timings.silence);
    }, this.#timings.silence / TICKS);
    this.#stop.signal.addEventListener("abort", () => {
      unwatch();
      clearInterval(ticking);
    });
    void this.#run();
  }

  get state(): CalendarState {
    return this.#state;
  }

  get snapshot(): CalendarSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: (update: CalendarUpdate) => void): () => void {
    // Another function each time: one listener may subscribe twice.
    const own = (update: CalendarUpdate) => listener(update);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  setWindow(from: string | Date, to: string | Date): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const before = this.#window;
    this.#window = { from: iso(from), to: iso(to) };
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      void this.#replaceWindow(before);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#setState("closed");
    this.#listeners.clear();
    this.#stop.abort();
    this.#replacing?.abort();
    this.#session?.drop();
    for (const timer of [this.#settling, this.#stabilizing, this.#despairing]) clearTimeout(timer);
    this.#settleWaiting();
    this.#wake?.();
  }

  get #closed(): boolean {
    return this.#state === "closed";
  }

  // The one loop: fetch if need be, follow the stream, and see why it ended.

  async #run(): Promise<void> {
    // Whoever opened the calendar subscribes first.
    await Promise.resolve();
    while (!this.#closed) {
      if (!this.#environment.isOnline()) {
        this.#setState("offline");
        // A browser can be wrong about it.
        await this.#pause(this.#timings.cap);
      }
      try {
        if (this.#stale) await this.#refetch();
        if (!this.#closed && !this.#stale) await this.#over(await this.#follow());
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  async #refetch(): Promise<void> {
    const window = this.#window;
    const calendar = await fetchCalendar(this.#api, this.#options, window, this.#deadline());
    // Another window may be wanted by now: the loop fetches that.
    if (this.#closed || window !== this.#window) return;
    this.#show(calendar);
    this.#stale = false;
    this.#untried = true;
  }

  #show(snapshot: CalendarSnapshot): void {
    this.#reached();
    this.#snapshot = snapshot;
    this.#cursor = snapshot.cursor;
    this.#emit({ kind: "snapshot", snapshot });
    this.#settleWaiting();
  }

  async #follow(): Promise<End> {
    this.#session = this.#open();
    for (;;) {
      const session: Session = this.#session;
      const end = await session.done;
      // Else another one has taken its place.
      if (session === this.#session) return end;
    }
  }

  #open(): Session {
    const { connect } = this.#timings;
    return new Session(this.#transport, this.#cursor, this.#handlers, connect, () => this.#environment.now());
  }

  async #over(end: End): Promise<void> {
    clearTimeout(this.#stabilizing);
    clearTimeout(this.#settling);
    if (this.#closed) return;
    if (end.kind !== "dropped") this.#setState(this.#state === "offline" ? "offline" : "catching_up");
    switch (end.kind) {
      case "dropped":
        return;
      case "failed":
        throw end.error;
      case "reset":
        this.#stale = true;
        await this.#pause(
          this.#failures === 0 ? this.#random() * this.#timings.resetSpread : this.#backoff(),
        );
        this.#failures += 1;
        return;
      case "cut":
        this.#despairSoon();
        await this.#pause(this.#backoff());
        this.#failures += 1;
        return;
      case "bye":
        await this.#goodbye(end.reason, end.retry);
    }
  }

  async #goodbye(reason: string, retry: number | undefined): Promise<void> {
    if (reason === "access_revoked") {
      const message = "You may not see this calendar any more.";
      this.#fail(new ApiError({ status: 403, code: "ACCESS_REVOKED", message }));
    } else if (reason === "token_expired") {
      // A new token is asked for on connecting; where tokens end at once, not in a hot loop.
      if (this.#failures > 0) await this.#pause(this.#backoff());
      this.#failures += 1;
    } else {
      // The server spreads those who come back; EventSource hides by how much.
      await this.#pause(retry ?? (0.2 + this.#random()) * this.#timings.base * 4);
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#closed) return;
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 400 && !this.#stale && !this.#untried) {
      // Not a cursor of this server: what is shown is fetched anew.
      this.#stale = true;
    } else if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) {
      this.#fail(error);
      return;
    }
    if (error instanceof StreamNotOpenedError && this.#failures > 0) this.#stale = true;
    this.#emit({ kind: "error", error, fatal: false });
    if (status === 429 || (status > 0 && status < 500)) this.#reached();
    else this.#despairSoon();
    if (this.#state === "live") this.#setState("catching_up");
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1_000 : 0;
    await this.#pause(asked + this.#backoff());
    this.#failures += 1;
  }

  #fail(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.reject(error);
    this.#emit({ kind: "error", error, fatal: true });
    this.close();
  }

  // What the stream says

  #ready(session: Session): void {
    if (this.#closed) return;
    const before = this.#session;
    this.#session = session;
    if (before !== session) before?.drop();
    this.#untried = false;
    this.#reached();
    this.#settleSoon();
    clearTimeout(this.#stabilizing);
    this.#stabilizing = setTimeout(() => {
      this.#failures = 0;
    }, this.#timings.stable);
  }

  #change(change: CalendarChange): void {
    const before = this.#snapshot;
    this.#snapshot = applyEvent(before, change);
    if (
      before.reservations !== this.#snapshot.reservations ||
      before.maintenance !== this.#snapshot.maintenance
    ) {
      this.#emit({ kind: "change", change, snapshot: this.#snapshot });
    }
  }

  /** Nothing marks the end of a replay: it is over when no frame has come for a moment. */
  #settleSoon(): void {
    if (this.#state === "live" || this.#closed) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#setState("live"), this.#timings.settle);
  }

  /** The token ends soon: another stream takes the place of this one, which is heard until the other has opened. */
  async #succeed(session: Session): Promise<void> {
    for (let attempt = 0; session === this.#session && !session.over; attempt += 1) {
      const next = this.#open();
      session.hold(() => next.drop());
      if (await next.opened) return;
      next.drop();
      session.release();
      const end = await next.done;
      if (end.kind === "failed") this.#emit({ kind: "error", error: end.error, fatal: false });
      const pause = backoff(attempt, this.#timings, this.#random);
      await Promise.race([session.done, new Promise((resolve) => setTimeout(resolve, pause))]);
    }
  }

  async #replaceWindow(before: Window): Promise<void> {
    this.#replacing?.abort();
    const window = this.#window;
    if (this.#stale || this.#session === undefined || this.#session.over) {
      this.#stale = true;
      this.#wake?.();
      return;
    }
    const replacing = new AbortController();
    this.#replacing = replacing;
    try {
      const snapshot = await fetchCalendar(
        this.#api,
        this.#options,
        window,
        this.#deadline(replacing.signal),
      );
      if (this.#closed || replacing.signal.aborted || this.#stale) return;
      // Where the stream stands exactly there already, it is the new window's stream too.
      const level = snapshot.cursor === this.#cursor;
      this.#show(snapshot);
      if (!level) this.#session.drop();
    } catch (error) {
      if (this.#closed || replacing.signal.aborted || this.#stale) return;
      if (error instanceof ApiError && error.status === 400) {
        this.#window = before;
        this.#settleWaiting(error);
        return;
      }
      // The loop tries again, or gives up.
      this.#stale = true;
      this.#session.drop();
    }
  }

  #settleWaiting(error?: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      if (error === undefined) each.resolve();
      else each.reject(error);
    }
  }

  // What happens around

  #noticed(event: "online" | "offline" | "visible"): void {
    if (event === "offline") {
      this.#setState("offline");
      this.#session?.drop();
    } else {
      if (event === "online") {
        this.#failures = 0;
        if (this.#state === "offline") this.#setState("catching_up");
      }
      this.#session?.tick(0, this.#timings.silence / 2);
      this.#wake?.();
    }
  }

  #reached(): void {
    clearTimeout(this.#despairing);
    this.#despairing = undefined;
    if (this.#state === "offline") this.#setState("catching_up");
  }

  #despairSoon(): void {
    this.#despairing ??= setTimeout(() => this.#setState("offline"), this.#timings.offlineAfter);
  }

  #backoff(): number {
    return backoff(this.#failures, this.#timings, this.#random);
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #deadline(signal?: AbortSignal): AbortSignal {
    const signals = [this.#stop.signal, AbortSignal.timeout(this.#timings.connect)];
    return AbortSignal.any(signal === undefined ? signals : [...signals, signal]);
  }

  #setState(state: CalendarState): void {
    if (this.#state === state || this.#closed) return;
    this.#state = state;
    this.#emit({ kind: "state", state });
  }

  #emit(update: CalendarUpdate): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(update);
      } catch (error) {
        // A listener's fault is not the stream's: it is reported where uncaught errors are.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function transportOf(options: CalendarOptions): Transport {
  if (options.transport !== "eventsource") return fetchTransport(options);
  const constructor =
    options.EventSource ?? (globalThis as { EventSource?: EventSourceConstructor }).EventSource;
  if (constructor === undefined) throw new TypeError("There is no EventSource here; pass one.");
  return eventSourceTransport(options, constructor);
}

function iso(time: string | Date): string {
  return typeof time === "string" ? time : time.toISOString();
}
