/** Times in milliseconds. The defaults are for production; tests shorten them. */
export interface Timings {
  /** The longest pause before the first retry; doubles with each. */
  readonly base: number;
  /** The longest pause before any retry. */
  readonly cap: number;
  /**
   * So long without a byte, and the connection is taken for dead: more than two of the server's
   * heartbeats.
   */
  readonly silence: number;
  /** How long an answer may take to begin. */
  readonly connect: number;
  /** So long without reaching the server, and the calendar says that it is offline. */
  readonly offlineAfter: number;
  /** So long without a frame after the stream opened, and it has caught up. */
  readonly settle: number;
  /** A stream that held so long was a good one: the next retry is the first again. */
  readonly stable: number;
  /** All clients of an organisation are reset at once: they fetch within this time, not at once. */
  readonly resetSpread: number;
}

export const TIMINGS: Timings = {
  base: 1_000,
  cap: 30_000,
  silence: 45_000,
  connect: 15_000,
  offlineAfter: 10_000,
  settle: 150,
  stable: 5_000,
  resetSpread: 2_000,
};

/**
 * Milliseconds before the retry number `attempt` (from 0), with full jitter: anything up to the
 * exponential bound.
 */
export function backoff(
  attempt: number,
  timings: Pick<Timings, "base" | "cap">,
  random: () => number,
): number {
  return random() * Math.min(timings.cap, timings.base * 2 ** Math.min(attempt, 30));
}
