/** What is waited for, or the signal's reason once that is aborted: for what may never come by itself. */
export function unlessAborted<T>(signal: AbortSignal, value: T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted);
    Promise.resolve(value)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", aborted));
  });
}

/**
 * What `work` answers. It is given up, and the signal that it is handed aborted, with one of `signals` or
 * after `limit` milliseconds.
 *
 * @throws Error with the message `late` after that time; the reason of the signal that was aborted.
 */
export async function within<T>(
  until: { signals: readonly AbortSignal[]; limit: number; late: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(until.late)), until.limit);
  const signal = AbortSignal.any([...until.signals, limit.signal]);
  try {
    return await unlessAborted(signal, work(signal));
  } finally {
    clearTimeout(timer);
  }
}
