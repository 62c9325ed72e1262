/** What the calendar asks of whatever it runs in. */
export interface Environment {
  /** False where it is known that there is no network; true is no promise. */
  isOnline(): boolean;
  /** Milliseconds; may jump in both directions. */
  now(): number;
  /** Calls back on each event, until the returned function is called. */
  watch(listener: (event: "online" | "offline" | "visible") => void): () => void;
}

interface Target {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Globals extends Target {
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: Target & { readonly visibilityState?: string };
}

/** The browser's, or in workers and on servers what they have of it. */
export const environment: Environment = {
  isOnline: () => (globalThis as Globals).navigator?.onLine !== false,
  now: () => Date.now(),
  watch(listener) {
    const globals = globalThis as Globals;
    const online = () => listener("online");
    const offline = () => listener("offline");
    const changed = () => {
      if (globals.document?.visibilityState === "visible") listener("visible");
    };
    globals.addEventListener?.("online", online);
    globals.addEventListener?.("offline", offline);
    globals.document?.addEventListener?.("visibilitychange", changed);
    return () => {
      globals.removeEventListener?.("online", online);
      globals.removeEventListener?.("offline", offline);
      globals.document?.removeEventListener?.("visibilitychange", changed);
    };
  },
};
