// What a dialog is about may change while it is open.

import { t } from "../language";
import type { Entry, Store } from "../store";

// Faster than a person decides. Milliseconds.
const INTERVAL = 250;

/**
 * Calls back once, when a booking is newer than `version`, or gone (undefined); answers how to stop. What is not among the
 * days that are shown is not watched.
 */
export function watch(
  store: Store,
  id: string,
  version: number,
  changed: (entry: Entry | undefined) => void,
): () => void {
  if (!store.entry(id)) return () => undefined;
  const timer = window.setInterval(() => {
    const entry = store.entry(id);
    if (entry && entry.version <= version) return;
    window.clearInterval(timer);
    changed(entry);
  }, INTERVAL);
  return () => window.clearInterval(timer);
}

/** Who changed it last. */
export async function editorOf(store: Store, id: string): Promise<string> {
  return (await store.findPerson(store.lastEditor(id))) ?? t().somebody;
}
