import type { Timings } from "./backoff.js";
import type { CalendarState, CalendarUpdate } from "./calendar.js";

// A replay that never pauses for so many times the settling time is traffic, and the stream is live.
const MAX_SETTLING = 20;

/** The calendar's state, and who is told of it and of all else. */
export class Standing {
  readonly #timings: Timings;
  readonly #listeners = new Set<(update: CalendarUpdate) => void>();
  #state: CalendarState = "connecting";
  #settling: ReturnType<typeof setTimeout> | undefined;
  #leveling: ReturnType<typeof setTimeout> | undefined;
  #despairing: ReturnType<typeof setTimeout> | undefined;

  constructor(timings: Timings) {
    this.#timings = timings;
  }

  get state(): CalendarState {
    return this.#state;
  }

  set(state: CalendarState): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    this.emit({ kind: "state", state });
  }

  /**
   * The stream opened, or said something while it caught up: it is level when no frame comes for a
   * moment.
   */
  settleSoon(): void {
    if (this.#state === "live" || this.#state === "closed") return;
    const settled = () => {
      this.#unsettle();
      this.set("live");
    };
    clearTimeout(this.#settling);
    this.#settling = setTimeout(settled, this.#timings.settle);
    this.#leveling ??= setTimeout(settled, this.#timings.settle * MAX_SETTLING);
  }

  /** The stream is over, or says that it may be behind. */
  behind(): void {
    this.#unsettle();
    if (this.#state === "live") this.set("catching_up");
  }

  /** The server has answered. */
  reached(): void {
    clearTimeout(this.#despairing);
    this.#despairing = undefined;
    if (this.#state === "offline") this.set("catching_up");
  }

  /** The server was not reached. */
  unreached(): void {
    if (this.#state === "closed") return;
    this.#despairing ??= setTimeout(() => this.set("offline"), this.#timings.offlineAfter);
  }

  /** Say a last word, and tell nobody anything any more. */
  close(): void {
    this.set("closed");
    this.#listeners.clear();
    this.#unsettle();
    clearTimeout(this.#despairing);
  }

  subscribe(listener: (update: CalendarUpdate) => void): () => void {
    // Another function each time: one listener may subscribe twice.
    const own = (update: CalendarUpdate) => listener(update);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  emit(update: CalendarUpdate): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(update);
      } catch (error) {
        report(error);
      }
    }
  }

  #unsettle(): void {
    clearTimeout(this.#settling);
    clearTimeout(this.#leveling);
    this.#leveling = undefined;
  }
}

/** A listener's fault is not the stream's: it goes where uncaught errors go. */
function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError !== undefined) {
    reportError(error);
    return;
  }
  queueMicrotask(() => {
    throw error;
  });
}
