import { type Api, createApi } from "./api.js";
import type { TokenSource } from "./auth.js";
import { backoff, TIMINGS, type Timings } from "./backoff.js";
import type { Calendar, CalendarOptions, CalendarState, CalendarUpdate } from "./calendar.js";
import { environment as browser, type Environment } from "./environment.js";
import { ApiError } from "./errors.js";
import { fetchCalendar, isSame, type Window, windowOf } from "./fetch-calendar.js";
import { Pause } from "./pause.js";
import { type End, Session, type SessionHandlers } from "./session.js";
import { applyEvent, type CalendarChange, type CalendarSnapshot } from "./snapshot.js";
import { Standing } from "./standing.js";
import {
  eventSourceTransport,
  fetchTransport,
  StreamNotOpenedError,
  type StreamOptions,
  type Transport,
} from "./transport.js";
import { Waiting } from "./waiting.js";
import { within } from "./within.js";

// How often, within the longest silence, it is looked whether anything came.
const TICKS = 9;
// Statuses below 500 that are worth another try.
const PASSING = [408, 425, 429];
// Refused fresh cursors, each after a longer pause than the one before: of a deploy's two versions, each answers about
// every other request.
const MAX_REFUSED = 5;

/**
 * The calendar behind `openCalendar`: one loop that fetches, follows, sees why the stream ended, and goes
 * on.
 */
export class StreamedCalendar implements Calendar {
  readonly #options: StreamOptions;
  readonly #api: Api;
  readonly #transport: Transport;
  readonly #timings: Timings;
  readonly #random: () => number;
  readonly #environment: Environment;
  readonly #handlers: SessionHandlers;
  readonly #standing: Standing;
  readonly #stop = new AbortController();
  readonly #pause = new Pause();
  #snapshot: CalendarSnapshot;
  /** Where the stream stands; the snapshot's cursor stays at its last change. */
  #cursor = "";
  #window: Window;
  #waiting: Waiting | undefined;
  /** What is shown must be fetched before the stream is followed. */
  #stale = true;
  /** The snapshot is new, and no stream has opened from its cursor yet. */
  #untried = false;
  /** Fresh cursors in a row that were refused. */
  #refused = 0;
  #session: Session | undefined;
  /** Opens to take the session's place. */
  #successor: Session | undefined;
  #replacing: AbortController | undefined;
  #token = "";
  /** Failures since a stream last held for a while. */
  #failures = 0;
  /** Streams in a row that did not open, and nobody knows why. */
  #unopened = 0;
  #stabilizing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CalendarOptions) {
    const token: TokenSource = async (rejected) => {
      this.#token = await options.token(rejected);
      return this.#token;
    };
    this.#options = { ...options, token };
    this.#api = createApi(this.#options);
    this.#transport =
      options.transport === "eventsource"
        ? eventSourceTransport(this.#options, options.EventSource)
        : fetchTransport(this.#options);
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#standing = new Standing(this.#timings);
    this.#random = options.random ?? Math.random;
    this.#environment = options.environment ?? browser;
    this.#window = windowOf(options.from, options.to);
    this.#snapshot = { ...this.#window, reservations: new Map(), maintenance: new Map(), cursor: "" };
    this.#handlers = {
      ready: (session) => this.#ready(session),
      change: (change) => this.#change(change),
      moved: (cursor) => {
        this.#cursor = cursor;
        this.#standing.settleSoon();
      },
      lagging: () => this.#standing.behind(),
      reauth: (session) => void this.#succeed(session),
    };
    this.#watch();
    void this.#run();
  }

  get state(): CalendarState {
    return this.#standing.state;
  }

  get snapshot(): CalendarSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: (update: CalendarUpdate) => void): () => void {
    return this.#standing.subscribe(listener);
  }

  async setWindow(from: string | Date, to: string | Date): Promise<void> {
    const wanted = windowOf(from, to);
    if (this.#closed) return;
    if (isSame(wanted, this.#window)) {
      // It is on its way: to begin anew each time that it is asked for would show it never.
      if (this.#waiting === undefined && this.#stale) this.#waiting = new Waiting();
      return this.#waiting?.promise;
    }
    this.#waiting?.resolve();
    this.#window = wanted;
    const waiting = new Waiting();
    this.#waiting = waiting;
    void this.#replaceWindow();
    return waiting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#standing.close();
    this.#stop.abort();
    this.#replacing?.abort();
    this.#drop();
    clearTimeout(this.#stabilizing);
    this.#waiting?.resolve();
    this.#waiting = undefined;
    this.#pause.close();
  }

  get #closed(): boolean {
    return this.#standing.state === "closed";
  }

  // The loop

  async #run(): Promise<void> {
    // Whoever opened the calendar subscribes first.
    await Promise.resolve();
    while (!this.#closed) {
      if (!this.#environment.isOnline()) {
        this.#standing.set("offline");
        // Browsers can be wrong about it: try all the same, after a while.
        await this.#pause.take(this.#timings.cap);
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
    // What it would answer may be from before the reset.
    this.#replacing?.abort();
    const window = this.#window;
    const snapshot = await this.#fetch(window);
    // Another window may be wanted by now: the loop fetches that.
    if (this.#closed || !isSame(window, this.#window)) return;
    this.#stale = false;
    this.#untried = true;
    this.#show(snapshot);
  }

  async #fetch(window: Window, cancel?: AbortSignal): Promise<CalendarSnapshot> {
    const signals = [this.#stop.signal, ...(cancel ? [cancel] : [])];
    return fetchCalendar(this.#api, this.#options, window, { signals, limit: this.#timings.connect });
  }

  #show(snapshot: CalendarSnapshot): void {
    const before = this.#snapshot;
    const waiting = this.#waiting;
    const reason = before.cursor === "" ? "opened" : isSame(snapshot, before) ? "reset" : "window";
    // Whoever hears of it may want another one at once, and then waits for that.
    this.#waiting = undefined;
    this.#standing.reached();
    if (this.#standing.state === "connecting") this.#standing.set("catching_up");
    this.#snapshot = snapshot;
    this.#cursor = snapshot.cursor;
    this.#standing.emit({ kind: "snapshot", reason, snapshot });
    waiting?.resolve();
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
    return new Session(this.#transport, this.#cursor, this.#handlers, connect, this.#environment.now);
  }

  #drop(): void {
    this.#successor?.drop();
    this.#session?.drop();
  }

  // Why a stream is over, and what is done then

  async #over(end: End): Promise<void> {
    this.#successor?.drop();
    clearTimeout(this.#stabilizing);
    this.#standing.behind();
    if (this.#closed) return;
    switch (end.kind) {
      case "dropped":
        return;
      case "failed":
        throw end.error;
      case "reset":
        this.#stale = true;
        return this.#retry(
          this.#failures === 0 ? this.#random() * this.#timings.resetSpread : this.#backoff(),
        );
      case "cut":
        this.#standing.unreached();
        return this.#retry(this.#backoff());
      case "bye":
        return this.#goodbye(end.reason, end.retry);
    }
  }

  async #goodbye(reason: string, retry: number | undefined): Promise<void> {
    if (reason === "access_revoked") {
      const message = "You may not see this calendar any more.";
      this.#fail(new ApiError({ status: 403, code: "ACCESS_REVOKED", message }));
    } else if (reason === "token_expired") {
      // Connecting asks for another token; where tokens end at once, not in a hot loop.
      await this.#retry(this.#failures === 0 ? 0 : this.#backoff());
    } else {
      // The server spreads those who come back; EventSource hides by how much.
      await this.#pause.take(retry ?? (0.5 + 4.5 * this.#random()) * this.#timings.base);
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#closed) return;
    this.#standing.behind();
    // What a proxy says while there is no API behind it passes.
    const status = error instanceof ApiError && error.isOfApi ? error.status : 0;
    if (status === 400 && this.#refuseWindow(error)) return;
    if (status === 400 && !this.#stale && this.#mayRefetch()) {
      // Not a cursor of this server: what is shown is fetched anew.
      this.#stale = true;
    } else if (status >= 400 && status < 500 && !PASSING.includes(status)) {
      this.#fail(error);
      return;
    }
    if (error instanceof StreamNotOpenedError) {
      this.#unopened += 1;
      // EventSource does not tell whether it was the cursor; once or twice it is the network.
      if (this.#unopened > 2) this.#stale = true;
    }
    this.#standing.emit({ kind: "error", error, fatal: false });
    if (status > 0 && status < 500) this.#standing.reached();
    else this.#standing.unreached();
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1_000 : 0;
    await this.#retry(asked + this.#backoff(), asked > 0);
  }

  /** Not for ever: a fresh cursor is refused where two versions answer side by side, but not by each of them. */
  #mayRefetch(): boolean {
    if (this.#untried) this.#refused += 1;
    return this.#refused < MAX_REFUSED;
  }

  async #retry(milliseconds: number, patient = false): Promise<void> {
    await this.#pause.take(milliseconds, patient);
    this.#failures += 1;
  }

  #backoff(): number {
    return backoff(this.#failures, this.#timings, this.#random);
  }

  #fail(error: unknown): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#standing.emit({ kind: "error", error, fatal: true });
    this.close();
  }

  // What the stream says

  #ready(session: Session): void {
    const before = this.#session;
    if (session !== before) {
      if (session !== this.#successor) {
        session.drop();
        return;
      }
      this.#successor = undefined;
      this.#session = session;
      // Said to the one before only, and what the new one goes on with is stale.
      if (before?.owesReset) this.#stale = true;
      before?.drop();
      if (this.#stale) {
        session.drop();
        return;
      }
    }
    this.#untried = false;
    this.#refused = 0;
    this.#unopened = 0;
    this.#standing.reached();
    this.#standing.settleSoon();
    clearTimeout(this.#stabilizing);
    this.#stabilizing = setTimeout(() => {
      this.#failures = 0;
    }, this.#timings.stable);
  }

  #change(change: CalendarChange): void {
    const before = this.#snapshot;
    this.#snapshot = applyEvent(before, change);
    const { reservations, maintenance } = this.#snapshot;
    if (before.reservations !== reservations || before.maintenance !== maintenance) {
      this.#standing.emit({ kind: "change", change, snapshot: this.#snapshot });
    }
  }

  /**
   * The token ends soon. Another stream, with another token, takes the place of this one; what this one
   * says meanwhile is kept, and told only if the other does not open: it begins where this one stood.
   */
  async #succeed(session: Session): Promise<void> {
    const stays = () => session === this.#session && !session.over && !this.#closed;
    const pause = new Pause();
    const ended = new AbortController();
    void session.done.then(() => {
      pause.close();
      ended.abort();
    });
    const late = "No token was handed out in time.";
    const until = { signals: [ended.signal], limit: this.#timings.connect, late };
    for (let attempt = 0; stays(); attempt += 1) {
      // A token that is never good for long must not open streams in a hot loop.
      const young = session.age < this.#timings.stable ? this.#timings.stable : 0;
      await pause.take(young + (attempt > 0 ? backoff(attempt, this.#timings, this.#random) : 0));
      if (!stays()) return;
      try {
        const token = this.#token;
        const other = await within(until, async () => this.#options.token(token));
        if (other === token || !stays()) continue;
      } catch (error) {
        if (stays()) this.#standing.emit({ kind: "error", error, fatal: false });
        continue;
      }
      if (await this.#replaceSession(session)) return;
    }
  }

  async #replaceSession(session: Session): Promise<boolean> {
    const next = this.#open();
    this.#successor = next;
    session.hold(() => next.drop());
    if (await next.opened) return true;
    next.drop();
    this.#successor = undefined;
    session.release();
    const end = await next.done;
    if (end.kind === "failed" && !this.#closed)
      this.#standing.emit({ kind: "error", error: end.error, fatal: false });
    return false;
  }

  // Another window

  async #replaceWindow(): Promise<void> {
    this.#replacing?.abort();
    const session = this.#session;
    if (this.#stale || session === undefined || session.over) {
      this.#stale = true;
      this.#pause.end();
      return;
    }
    const replacing = new AbortController();
    this.#replacing = replacing;
    const overtaken = () => this.#closed || this.#stale || replacing.signal.aborted;
    try {
      const snapshot = await this.#fetch(this.#window, replacing.signal);
      if (overtaken()) return;
      // Where the stream stands right there already, it is the new window's stream too.
      const level = snapshot.cursor === this.#cursor && this.#session?.over === false;
      if (!level) {
        this.#untried = true;
        this.#drop();
      }
      this.#show(snapshot);
    } catch (error) {
      if (overtaken()) return;
      const isRefused = error instanceof ApiError && error.isOfApi && error.status === 400;
      if (isRefused && this.#refuseWindow(error)) return;
      // The loop tries again, or gives up.
      this.#stale = true;
      this.#drop();
      this.#pause.end();
    }
  }

  /** Back to the window that is shown, if one is and another was asked for. */
  #refuseWindow(error: unknown): boolean {
    const { from, to, cursor } = this.#snapshot;
    if (cursor === "" || isSame(this.#snapshot, this.#window)) return false;
    this.#window = { from, to };
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    return true;
  }

  // How it stands

  #watch(): void {
    const unwatch = this.#environment.watch((event) => this.#noticed(event));
    const { silence } = this.#timings;
    const ticking = setInterval(() => this.#session?.tick(silence / TICKS, silence), silence / TICKS);
    this.#stop.signal.addEventListener("abort", () => {
      unwatch();
      clearInterval(ticking);
    });
  }

  #noticed(event: "online" | "offline" | "visible"): void {
    if (event === "offline") {
      this.#standing.set("offline");
      this.#drop();
      return;
    }
    if (event === "online") {
      this.#failures = 0;
      if (this.#standing.state === "offline") this.#standing.set("catching_up");
    }
    // More than a heartbeat: timers and streams may have stood still, hidden or asleep.
    this.#session?.tick(0, this.#timings.silence / 2);
    this.#pause.end(event === "visible");
  }
}
