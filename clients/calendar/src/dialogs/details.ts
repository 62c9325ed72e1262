// A booking or a maintenance window, looked at; and what may be done with it.

import { ApiError } from "@reservepty/client";
import { type Reservation, reasonOf } from "../backend";
import { h, icon } from "../dom";
import { formatList, formatWhen, t } from "../language";
import { notify } from "../notices";
import { type Entry, ofState, type Store } from "../store";
import { browserZone, toWall, zoneCity } from "../zones";
import { openChange } from "./booking";
import { busy, button, type Dialog, field, openDialog } from "./dialog";
import { showViolations } from "./refusals";
import { editorOf, watch } from "./watch";

export function openEntry(store: Store, entry: Entry): void {
  if (entry.kind === "maintenance") openMaintenanceDetails(store, entry);
  else void openDetails(store, entry);
}

async function openDetails(store: Store, entry: Entry): Promise<void> {
  const content = h("div", { class: "details" }, ...facts(store, entry));
  let isOpen = true;
  let stop: () => void = () => undefined;
  const dialog = openDialog(store.signal, {
    title: entry.title,
    class: "dialog-details",
    body: [content],
    closed: () => {
      isOpen = false;
      stop();
    },
  });
  const say = (text: string) => {
    // What is offered is offered of a state that is known.
    dialog.footer.replaceChildren();
    content.append(h("p", { role: "alert" }, text));
  };
  const draw = async () => {
    try {
      const reservation = await store.backend.reservation(entry.id);
      if (!isOpen) return;
      const now = ofState(reservation);
      dialog.heading.textContent = now.title;
      content.replaceChildren(...facts(store, now, reservation));
      dialog.footer.replaceChildren(...actions(store, now, reservation, dialog));
      stop = watch(store, entry.id, reservation.version, (found) =>
        found ? void draw() : say(t().goneMeanwhile),
      );
    } catch (error) {
      const isGone = error instanceof ApiError && error.code === "NOT_FOUND";
      say(isGone ? t().goneMeanwhile : error instanceof ApiError ? error.message : t().unreachable);
    }
  };
  await draw();
}

function facts(store: Store, entry: Entry, reservation?: Reservation): Node[] {
  const zone = store.zoneOf(entry.assetId);
  const here = browserZone();
  const isElsewhere = toWall(entry.start, zone) !== toWall(entry.start, here);
  const who =
    reservation?.booked_by ??
    store.personName(entry.userId) ??
    (entry.userId === null ? t().aFormerMember : t().somebody);
  const row = (label: string, ...value: (Node | string | null)[]) => [
    h("dt", {}, label),
    h("dd", {}, ...value),
  ];
  const isMine = entry.userId === store.userId;
  const rows = [
    ...row(t().where, store.asset(entry.assetId)?.name ?? ""),
    ...row(
      t().when,
      formatWhen(entry.start, entry.end, zone),
      h("small", {}, t().timeOf({ city: zoneCity(zone) })),
      isElsewhere ? h("small", {}, t().yourTime({ when: formatWhen(entry.start, entry.end, here) })) : null,
    ),
    ...(entry.kind === "booking"
      ? [
          ...row(t().bookedBy, isMine ? `${who} (${t().you})` : who),
          ...row(t().status, statusTag(entry.status)),
        ]
      : []),
    ...(entry.guestCount === null ? [] : row(t().guestCount, String(entry.guestCount))),
  ];
  if (reservation) {
    const guests = (reservation.guests ?? []).map(({ name }) => name);
    const waits = (reservation.approvals ?? [])
      .filter((each) => each.status === "pending")
      .map((each) => {
        const names = each.approvers
          .filter(({ status }) => status === "pending")
          .map(({ name }) => name ?? t().somebody);
        return h(
          "span",
          { class: "approval" },
          t().waitsFor({ who: formatList(names) }),
          each.rule_name ? h("small", {}, each.rule_name) : null,
        );
      });
    if (waits.length > 0) rows.push(...row(t().approvals, ...waits));
    if (guests.length > 0) rows.push(...row(t().guests, formatList(guests)));
    if (reservation.notes) rows.push(...row(t().notes, h("span", { class: "pre" }, reservation.notes)));
  }
  return [h("dl", { class: "facts" }, ...rows)];
}

export function statusTag(status: Entry["status"]): HTMLElement {
  const label = status === "scheduled" ? t().maintenance : t().statuses[status];
  return h(
    "span",
    { class: `tag tag-${status}` },
    icon(status === "pending" ? "clock" : status === "scheduled" ? "wrench" : "check"),
    label,
  );
}

function actions(store: Store, entry: Entry, reservation: Reservation, dialog: Dialog): HTMLElement[] {
  const buttons: HTMLElement[] = [];
  const mayChange = store.mayChange(entry);
  if (mayChange) {
    buttons.push(
      button(t().cancelBooking, "danger", () => {
        dialog.close();
        openCancel(store, reservation);
      }),
      button(t().edit, "secondary", () => {
        dialog.close();
        openChange(store, reservation);
      }),
    );
  }
  if (store.mayDecide(entry.id)) {
    const decide = (decision: "approve" | "reject") => () => {
      dialog.close();
      openDecision(store, reservation, decision);
    };
    buttons.push(
      button(t().reject, "danger", decide("reject")),
      button(t().approve, "primary", decide("approve")),
    );
  }
  return buttons;
}

function openCancel(store: Store, reservation: Reservation): void {
  const reason = field(t().cancelReason, h("textarea", { rows: 2, maxlength: 2000 }), t().cancelReasonHint);
  const what = h("p", {});
  const note = h("p", { class: "form-note", role: "status" });
  let known = reservation;
  let stop: () => void = () => undefined;

  /** Whoever cancels has seen what. */
  const draw = (now: Reservation) => {
    known = now;
    const when = formatWhen(now.start_date, now.end_date, store.zoneOf(now.asset_id));
    what.textContent = `${now.title} · ${when}`;
    stop();
    stop = watch(store, now.id, now.version, (found) => void refresh(found !== undefined));
  };
  const refresh = async (isThere: boolean) => {
    cancel.disabled = true;
    if (!isThere) {
      note.textContent = t().goneMeanwhile;
      return;
    }
    await attempt(store, async () => draw(await store.backend.reservation(known.id)));
    note.textContent = t().changedNote({ who: await editorOf(store, known.id) });
    cancel.disabled = false;
  };

  const send = async () => {
    try {
      return await store.backend.cancel(known.id, known.version, reason.control.value.trim() || null);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "PRECONDITION_FAILED")) throw error;
      draw(error.current<Reservation>() ?? (await store.backend.reservation(known.id)));
      note.textContent = t().changedNote({ who: await editorOf(store, known.id) });
      return undefined;
    }
  };
  const cancel = button(t().cancelBooking, "danger", (element) =>
    busy(element, async () => {
      const canceled = await attempt(store, send);
      if (!canceled) return;
      store.answered(canceled);
      dialog.close();
      notify(store.signal, t().done.canceled(canceled), "good", {
        label: t().undo,
        run: () => void undo(store, canceled),
      });
    }),
  );
  const dialog = openDialog(store.signal, {
    title: t().cancelTitle,
    body: [what, note, reason.row],
    footer: [button(t().keepBooking, "quiet", () => dialog.close()), cancel],
    closed: () => stop(),
  });
  draw(reservation);
}

async function undo(store: Store, canceled: Reservation): Promise<void> {
  const restored = await attempt(store, () => store.backend.restore(canceled.id));
  if (!restored) return;
  store.answered(restored);
  notify(store.signal, t().done.restored(restored));
}

export function openDecision(
  store: Store,
  reservation: { id: string; title: string; version?: number },
  decision: "approve" | "reject",
): void {
  const notes = field(t().decisionNotes, h("textarea", { rows: 2, maxlength: 2000 }));
  const isApproval = decision === "approve";
  const note = h("p", { class: "form-note", role: "status" });
  const decide = button(isApproval ? t().approve : t().reject, isApproval ? "primary" : "danger", (element) =>
    busy(element, async () => {
      const decided = await attempt(store, () =>
        store.backend.decide(reservation.id, decision, notes.control.value.trim() || null),
      );
      void store.refreshWaiting();
      if (!decided) return;
      store.answered(decided);
      dialog.close();
      notify(store.signal, isApproval ? t().done.approved(decided) : t().done.rejected(decided));
    }),
  );
  // A decision takes no version: it is not taken about something else than what was looked at.
  const version = reservation.version ?? store.entry(reservation.id)?.version ?? 0;
  const stop = watch(store, reservation.id, version, async (found) => {
    decide.remove();
    const who = await editorOf(store, reservation.id);
    note.textContent = found ? t().changedNote({ who }) : t().goneMeanwhile;
  });
  const dialog = openDialog(store.signal, {
    title: `${isApproval ? t().approve : t().reject}: ${reservation.title}`,
    body: [note, notes.row],
    footer: [button(t().cancelAction, "quiet", () => dialog.close()), decide],
    closed: stop,
  });
}

/** What waits for this user, each with its two buttons. */
export function openWaiting(store: Store): void {
  const dialog = openDialog(store.signal, { title: t().waitingTitle, class: "dialog-waiting" });
  const items = store.waiting
    .filter((each) => each.can_decide)
    .map(({ reservation, rule_name }) => {
      const decide = (decision: "approve" | "reject") => () => {
        dialog.close();
        openDecision(store, reservation, decision);
      };
      return h(
        "li",
        { class: "waiting-item" },
        h("strong", {}, reservation.title),
        h("span", {}, `${reservation.asset_name} · ${reservation.booked_by ?? t().somebody}`),
        h(
          "span",
          { class: "quiet-text" },
          formatWhen(reservation.start_date, reservation.end_date, reservation.time_zone),
        ),
        rule_name ? h("span", { class: "quiet-text" }, `${t().rule}: ${rule_name}`) : null,
        h(
          "div",
          { class: "row-actions" },
          button(t().reject, "danger", decide("reject")),
          button(t().approve, "primary", decide("approve")),
        ),
      );
    });
  dialog.body.append(
    items.length > 0 ? h("ul", { class: "waiting" }, ...items) : h("p", {}, t().nothingWaits),
  );
}

function openMaintenanceDetails(store: Store, entry: Entry): void {
  const dialog = openDialog(store.signal, {
    title: entry.title,
    class: "dialog-details",
    body: [statusTag(entry.status), ...facts(store, entry)],
    footer: [
      store.isAdmin &&
        button(t().cancelMaintenance, "danger", (element) =>
          busy(element, async () => {
            const isDone = await attempt(store, async () => {
              await store.backend.cancelMaintenance(entry.id, entry.version);
              return true;
            });
            if (!isDone) return;
            dialog.close();
            notify(store.signal, t().done.canceled(entry));
          }),
        ),
    ],
  });
}

/** Runs what may be refused; tells why, and answers undefined, where it was. */
export async function attempt<T>(store: Store, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError && error.code === "RULE_VIOLATION")
      await showViolations(store.signal, error, t().save);
    else notify(store.signal, error instanceof ApiError ? reasonOf(error) : t().offlineAction, "bad");
    return undefined;
  }
}
