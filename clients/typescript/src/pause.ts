// Whoever asks for more is wrong or away; and timers take what is beyond 24 days for nothing at all. Milliseconds.
const LONGEST = 3_600_000;

/** A pause that something better can end. */
export class Pause {
  #end: ((hurry: boolean) => void) | undefined;
  #closed = false;

  /** An hour at most. A patient one was asked for by the server: only what is wanted ends it, not a user who looks again. */
  async take(milliseconds: number, patient = false): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST));
      this.#end = (hurry) => {
        if (hurry && patient) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#end = undefined;
  }

  /** End it, if there is one; in a hurry not if it is a patient one. */
  end(hurry = false): void {
    this.#end?.(hurry);
  }

  /** End it, and take none any more. */
  close(): void {
    this.#closed = true;
    this.end();
  }
}
