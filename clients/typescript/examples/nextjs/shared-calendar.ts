"use client";

import {
  applyEvent,
  type CalendarChange,
  type CalendarOptions,
  type CalendarSnapshot,
  type CalendarState,
  openCalendar,
} from "@reservepty/client";

type Message =
  | { kind: "hello" }
  | { kind: "snapshot"; snapshot: CalendarSnapshot; state: CalendarState }
  | { kind: "change"; change: CalendarChange }
  | { kind: "state"; state: CalendarState };

/**
 * One stream for all tabs in which the same user looks at the same calendar: the tab that holds the lock opens it, the
 * others listen. When that tab is closed another one gets the lock, and goes on. Returns what leaves.
 */
export function shareCalendar(
  userId: string,
  options: CalendarOptions & { from: string; to: string },
  show: (snapshot: CalendarSnapshot, state: CalendarState) => void,
): () => void {
  const { baseUrl, organizationId, from, to, assetIds = [], sections = [] } = options;
  // Of all that decides what is seen: what one user may see, another must not hear.
  const seen = [userId, baseUrl, organizationId, from, to, [...assetIds].sort(), [...sections].sort()];
  const name = `calendar ${JSON.stringify(seen)}`;
  const channel = new BroadcastChannel(name);
  const left = new AbortController();
  let shown: CalendarSnapshot | undefined;
  let state: CalendarState = "connecting";
  let leads = false;

  const take = (message: Message) => {
    if (message.kind === "snapshot") shown = message.snapshot;
    else if (message.kind === "change" && shown) shown = applyEvent(shown, message.change);
    if (message.kind === "snapshot" || message.kind === "state") state = message.state;
    if (shown) show(shown, state);
  };
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind !== "hello") take(data);
    else if (leads && shown)
      channel.postMessage({ kind: "snapshot", snapshot: shown, state } satisfies Message);
  };
  channel.postMessage({ kind: "hello" } satisfies Message);

  const lead = async () => {
    leads = true;
    const calendar = openCalendar(options);
    const leave = calendar.subscribe((update) => {
      if (update.kind === "error") return;
      // The others apply a change themselves: not all of the snapshot goes to each tab each time.
      const message: Message =
        update.kind === "change"
          ? { kind: "change", change: update.change }
          : { ...update, state: calendar.state };
      take(message);
      channel.postMessage(message);
    });
    await new Promise((resolve) => left.signal.addEventListener("abort", resolve));
    leave();
    calendar.close();
  };
  navigator.locks.request(name, { signal: left.signal }, lead).catch(() => {
    // It was left before the lock was had.
  });
  return () => {
    left.abort();
    channel.close();
  };
}
