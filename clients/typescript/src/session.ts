import type { CalendarChange } from "./snapshot.js";
import type { Frame, Transport } from "./transport.js";

/** Why a stream is over. */
export type End =
  | { readonly kind: "reset"; readonly reason: string }
  | { readonly kind: "bye"; readonly reason: string; readonly retry: number | undefined }
  /** It had opened, and ended or was cut. */
  | { readonly kind: "cut" }
  /** It did not open. */
  | { readonly kind: "failed"; readonly error: unknown }
  /** We ended it. */
  | { readonly kind: "dropped" };

export interface SessionHandlers {
  /** It opened, and says whether it goes on from where it was asked to. */
  ready(session: Session): void;
  change(change: CalendarChange): void;
  /** It stands at this cursor. */
  moved(cursor: string): void;
  /** The server cannot read its log just now: there may be changes that come later. */
  lagging(): void;
  reauth(session: Session): void;
}

// Frames kept while another stream is opened in this one's place: that takes a moment, or is given up.
const MAX_HELD = 1_000;

/** One connection of the stream, from its request to its end. */
export class Session {
  readonly done: Promise<End>;
  /** Whether it opened; settled at its end at the latest. */
  readonly opened: Promise<boolean>;
  #settle!: (end: End) => void;
  #settleOpened!: (opened: boolean) => void;
  readonly #abort = new AbortController();
  readonly #handlers: SessionHandlers;
  readonly #now: () => number;
  #connecting: ReturnType<typeof setTimeout>;
  #lastByteAt: number;
  #silentTicks = 0;
  readonly #begunAt = performance.now();
  #retry: number | undefined;
  #held: Frame[] | null = null;
  #overflowed: (() => void) | undefined;
  #last: End | undefined;
  #isOpen = false;
  #over = false;

  constructor(
    transport: Transport,
    cursor: string,
    handlers: SessionHandlers,
    connectTimeout: number,
    now: () => number,
  ) {
    this.#handlers = handlers;
    this.#now = now;
    this.#lastByteAt = now();
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.opened = new Promise((resolve) => {
      this.#settleOpened = resolve;
    });
    this.#connecting = setTimeout(
      () => this.#finish({ kind: "failed", error: new Error("The stream did not open in time.") }),
      connectTimeout,
    );
    transport(cursor, this.#abort.signal, {
      alive: () => {
        this.#lastByteAt = this.#now();
        this.#silentTicks = 0;
      },
      frame: (frame) => this.#frame(frame),
      retry: (milliseconds) => {
        this.#retry = milliseconds;
      },
    }).then(
      () => this.#ended({ kind: "cut" }),
      (error: unknown) => this.#ended({ kind: "failed", error }),
    );
  }

  get over(): boolean {
    return this.#over;
  }

  /** Milliseconds since it was begun. */
  get age(): number {
    return performance.now() - this.#begunAt;
  }

  /** A reset is among what is kept. */
  get owesReset(): boolean {
    return this.#held?.some((frame) => frame.event === "reset") ?? false;
  }

  /**
   * Looks, about every `interval` ms, whether anything came within `silence` ms; ends an open session if
   * not.
   */
  tick(interval: number, silence: number): void {
    if (!this.#isOpen) return;
    this.#silentTicks += 1;
    // By two clocks: timers stand still while a laptop sleeps, and the wall's clock may be set back.
    if (this.#now() - this.#lastByteAt > silence || this.#silentTicks * interval > silence) {
      this.#finish({ kind: "cut" });
    }
  }

  /** Keep what comes, until `release` or `drop`; calls back if that becomes too much. */
  hold(overflowed: () => void): void {
    this.#held ??= [];
    this.#overflowed = overflowed;
  }

  /** Take what was kept, and go on. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const frame of held) this.#take(frame);
    if (this.#last !== undefined) this.#finish(this.#last);
  }

  /** End it; what was kept is forgotten. */
  drop(): void {
    this.#finish({ kind: "dropped" });
  }

  #ended(end: End): void {
    if (this.#held === null) this.#finish(end);
    else this.#last = end;
  }

  #finish(end: End): void {
    if (this.#over) return;
    this.#over = true;
    this.#held = null;
    clearTimeout(this.#connecting);
    this.#abort.abort();
    this.#settleOpened(false);
    this.#settle(end);
  }

  #frame(frame: Frame): void {
    if (this.#held === null) {
      this.#take(frame);
      return;
    }
    this.#held.push(frame);
    if (this.#held.length > MAX_HELD) this.#overflowed?.();
  }

  #take(frame: Frame): void {
    if (this.#over) return;
    try {
      this.#tell(frame, JSON.parse(frame.data) as Record<string, unknown>);
    } catch {
      // Nobody knows what it would have changed.
      this.#finish({ kind: "reset", reason: "unreadable" });
    }
  }

  #tell({ event, id }: Frame, data: Record<string, unknown>): void {
    switch (event) {
      case "ready":
        clearTimeout(this.#connecting);
        this.#isOpen = true;
        this.#handlers.ready(this);
        this.#settleOpened(true);
        // Not resumed: a reset follows, and what was asked for stays where it was until then.
        if (data.resumed === true && id !== undefined) this.#handlers.moved(id);
        break;
      case "reset":
        this.#finish({ kind: "reset", reason: String(data.reason) });
        break;
      case "reauth":
        this.#handlers.reauth(this);
        break;
      case "bye":
        this.#finish({ kind: "bye", reason: String(data.reason), retry: this.#retry });
        break;
      case "heartbeat":
        if (id !== undefined) this.#handlers.moved(id);
        if (data.catchingUp === true) this.#handlers.lagging();
        break;
      default:
        // A later server may tell of other things; where they stand in the log counts all the same.
        if (id === undefined) break;
        if (isChange(event)) this.#handlers.change(toChange(data, id));
        this.#handlers.moved(id);
    }
  }
}

function isChange(event: string): boolean {
  return /^(reservation_(created|updated|canceled)|maintenance_(scheduled|updated|canceled))$/.test(event);
}

/** The wire's form of a change as that of this package. */
export function toChange(data: Record<string, unknown>, cursor: string): CalendarChange {
  const { type, payload, timestamp, sourceUserId } = data;
  return { type, ...(payload as object), timestamp, sourceUserId, cursor } as CalendarChange;
}
