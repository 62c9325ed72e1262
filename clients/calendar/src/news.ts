// What others did, in a sentence.

import type { CalendarChange } from "@reservepty/client";
import { formatWhen, t } from "./language";
import type { Store } from "./store";

/** Null for what is not worth a word: our own doing, or what can only be seen by looking closely. */
export async function describeChange(change: CalendarChange, store: Store): Promise<string | null> {
  const who = (await store.findPerson(change.sourceUserId)) ?? t().somebody;
  const state =
    "reservation" in change
      ? (change.reservation ?? change.previousState)
      : (change.maintenance ?? change.previousState);
  if (!state) return null;
  const p = {
    who,
    title: state.title,
    asset: store.asset(state.asset_id)?.name ?? t().asset,
    when: formatWhen(state.start_date, state.end_date, store.zoneOf(state.asset_id)),
  };
  const { news } = t();
  if (change.reason === "moved") return news.gone(p);
  switch (change.type) {
    case "reservation_created":
      return state.status === "pending" ? news.asked(p) : news.booked(p);
    case "reservation_canceled":
      return ended(state.status)(p);
    case "reservation_updated":
      return updated(change)(p);
    case "maintenance_scheduled":
      return news.maintenance(p);
    case "maintenance_updated":
      return news.maintenanceMoved(p);
    case "maintenance_canceled":
      return news.maintenanceCanceled(p);
  }
}

type Sentence = (p: { who: string; title: string; asset: string; when: string }) => string;

function ended(status: string): Sentence {
  const { news } = t();
  if (status === "rejected") return news.rejected;
  if (status === "displaced") return news.displaced;
  return status === "canceled" ? news.canceled : news.gone;
}

function updated(change: Extract<CalendarChange, { reservation: unknown }>): Sentence {
  const { news } = t();
  const { reservation: now, previousState: before } = change;
  if (!now || !before) return news.changed;
  if (before.status === "pending" && now.status === "approved") return news.approved;
  const isMoved =
    now.asset_id !== before.asset_id ||
    now.start_date !== before.start_date ||
    now.end_date !== before.end_date;
  return isMoved ? news.moved : news.changed;
}
