// Writes that may be refused: each refusal is shown, and whatever the user makes of it is tried, until it is done or dropped.

import { ApiError } from "@reservepty/client";
import type { Changes, Draft, Override, Reservation } from "./backend";
import { askForAlternative, chooseVersion, showViolations, versionOf } from "./dialogs/refusals";
import { editorOf } from "./dialogs/watch";
import { t } from "./language";
import { notify } from "./notices";
import { SignInError } from "./session";
import type { Store } from "./store";

export type Outcome<T> =
  | { kind: "saved"; reservation: Reservation }
  /** The other one's version stays, or the user wants nothing more. */
  | { kind: "dropped" }
  /** Back to the form, with what has been tried. */
  | { kind: "other"; tried: T }
  | { kind: "faults"; error: ApiError };

/** One key for each distinct body: a lost answer never books twice, and a changed body is another booking. */
export class Keys {
  private readonly known = new Map<string, string>();

  of(body: object): string {
    const text = JSON.stringify(body);
    const key = this.known.get(text) ?? crypto.randomUUID();
    this.known.set(text, key);
    return key;
  }
}

export async function book(store: Store, draft: Draft, keys: Keys): Promise<Outcome<Draft>> {
  let override: Override | undefined;
  let tried = draft;
  for (;;) {
    try {
      const reservation = await store.backend.book(tried, keys.of({ tried, override }), override);
      store.answered(reservation);
      const isPending = reservation.status === "pending";
      notify(store.signal, isPending ? t().done.pending(reservation) : t().done.booked(reservation));
      return { kind: "saved", reservation };
    } catch (error) {
      const next = await settle(store, error, {
        assetId: tried.asset_id,
        start: tried.start_date,
        end: tried.end_date,
        isMove: false,
      });
      if (next.kind === "slot") tried = { ...tried, start_date: next.start_date, end_date: next.end_date };
      else if (next.kind === "override") override = next.override;
      else if (next.kind === "faults") return next;
      else return { kind: "other", tried };
    }
  }
}

/** What is known of a booking where it is changed. */
export interface Base {
  id: string;
  asset_id: string;
  start_date: string;
  end_date: string;
  version: number;
}

export async function change(store: Store, base: Base, changes: Changes): Promise<Outcome<Changes>> {
  let { version } = base;
  let tried = changes;
  for (;;) {
    try {
      const reservation = await store.backend.change(base.id, version, tried);
      store.answered(reservation);
      notify(store.signal, t().done.saved(reservation));
      return { kind: "saved", reservation };
    } catch (error) {
      if (error instanceof ApiError && error.code === "PRECONDITION_FAILED") {
        const current = error.current() ?? (await store.backend.reservation(base.id));
        if (!(await wantsMine(store, current, tried))) {
          store.answered(current);
          return { kind: "dropped" };
        }
        version = current.version;
        continue;
      }
      const { asset_id, start_date, end_date } = { ...base, ...tried };
      const next = await settle(store, error, {
        assetId: asset_id,
        start: start_date,
        end: end_date,
        isMove: true,
      });
      if (next.kind === "slot") tried = { ...tried, start_date: next.start_date, end_date: next.end_date };
      else if (next.kind === "override") tried = { ...tried, override: next.override };
      else if (next.kind === "other") return { kind: "other", tried };
      else if (next.kind === "faults") return next;
      else return { kind: "dropped" };
    }
  }
}

/** Mine is their version with my changes over it: what the booking would then be. */
async function wantsMine(store: Store, current: Reservation, changes: Changes): Promise<boolean> {
  const who = await editorOf(store, current.id);
  const choice = await chooseVersion(
    store.signal,
    versionOf(store, { ...current, ...changes }),
    versionOf(store, current),
    who,
  );
  if (choice === "theirs") notify(store.signal, t().done.theirsKept({ who }), "news");
  return choice === "mine";
}

type Next =
  | { kind: "slot"; start_date: string; end_date: string }
  | { kind: "override"; override: Override }
  | { kind: "other" | "back" }
  | { kind: "faults"; error: ApiError };

async function settle(
  store: Store,
  error: unknown,
  wished: { assetId: string; start: string; end: string; isMove: boolean },
): Promise<Next> {
  if (!(error instanceof ApiError)) {
    // The session's end has its own screen.
    if (!(error instanceof SignInError && error.reason === "expired"))
      notify(store.signal, t().offlineAction, "bad");
    return { kind: "back" };
  }
  if (error.code === "CONFLICT" && error.conflicts.length > 0) {
    const choice = await askForAlternative({ error, store, ...wished });
    return typeof choice === "string" ? { kind: choice } : { kind: "slot", ...choice.slot };
  }
  if (error.code === "RULE_VIOLATION") {
    const override = await showViolations(
      store.signal,
      error,
      wished.isMove ? t().saveAnyway : t().bookAnyway,
    );
    return override ? { kind: "override", override } : { kind: "back" };
  }
  if (error.fields.length > 0) return { kind: "faults", error };
  notify(store.signal, error.message, "bad");
  return { kind: "back" };
}
