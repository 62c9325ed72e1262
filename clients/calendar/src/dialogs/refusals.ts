// A refusal, shown: what is in the way, what is free instead, which rules speak, and whose version counts.

import type { ApiError } from "@reservepty/client";
import type { Conflict, Override, Reservation, Slot, Violation } from "../backend";
import { h, icon } from "../dom";
import { formatWhen, t } from "../language";
import type { Store } from "../store";
import { button, field, openDialog } from "./dialog";

export type ConflictChoice = { slot: Slot } | "other" | "back";

/** What stands in the way and, as buttons, the free times nearby. */
export function askForAlternative(options: {
  error: ApiError;
  store: Store;
  assetId: string;
  start: string;
  end: string;
  isMove: boolean;
}): Promise<ConflictChoice> {
  const { error, store, assetId, isMove } = options;
  const zone = store.zoneOf(assetId);
  return new Promise((resolve) => {
    let choice: ConflictChoice = "back";
    const choose = (chosen: ConflictChoice) => {
      choice = chosen;
      dialog.close();
    };
    const slots = error.alternatives.map((slot) => {
      const when = formatWhen(slot.start_date, slot.end_date, zone);
      const label = isMove ? t().moveToAlternative({ when }) : t().bookAlternative({ when });
      return h(
        "li",
        {},
        button(label, "secondary", () => choose({ slot })),
      );
    });
    const asset = store.asset(assetId)?.name ?? t().asset;
    const dialog = openDialog(store.signal, {
      title: t().taken,
      class: "dialog-conflict",
      body: [
        h("p", {}, t().takenText({ asset, when: formatWhen(options.start, options.end, zone) })),
        h("h3", {}, t().inTheWay),
        conflictList(error.conflicts, zone),
        h("h3", {}, t().freeInstead),
        slots.length > 0
          ? h("ul", { class: "alternatives" }, ...slots)
          : h("p", { class: "quiet-text" }, t().noAlternatives),
      ],
      footer: [
        isMove && button(t().putBack, "quiet", () => choose("back")),
        button(t().otherTimes, "quiet", () => choose("other")),
      ],
      closed: () => resolve(choice),
    });
  });
}

export function conflictList(conflicts: readonly Conflict[], zone: string): HTMLElement {
  return h(
    "ul",
    { class: "conflicts" },
    ...conflicts.map((each) => {
      const kind = t().kinds[each.kind ?? "reservation"];
      const who = typeof each.booked_by === "string" ? each.booked_by : null;
      return h(
        "li",
        {},
        icon(each.kind === "maintenance" ? "wrench" : "clock"),
        h("strong", {}, each.title ?? kind),
        who && h("span", {}, who),
        h("span", { class: "quiet-text" }, formatWhen(each.start_date, each.end_date, zone)),
      );
    }),
  );
}

/** The rules that refuse; resolves to an override where the reader may set all of them aside and gives a reason. */
export function showViolations(
  signal: AbortSignal,
  error: ApiError,
  proceed: string,
): Promise<Override | null> {
  const denials = error.violations.filter((each) => each.effect === "deny");
  const ids = denials.flatMap((each) => (each.ruleId ? [each.ruleId] : []));
  const mayOverride =
    ids.length > 0 && ids.length === denials.length && denials.every((each) => each.overridable);
  return new Promise((resolve) => {
    let result: Override | null = null;
    const reason = field(t().overrideReason, h("textarea", { rows: 2, maxlength: 2000 }), t().overrideHint);
    const go = button(proceed, "primary", () => {
      const text = reason.control.value.trim();
      reason.fault(text ? "" : t().required);
      if (!text) return reason.control.focus();
      result = { rule_ids: ids, reason: text };
      dialog.close();
    });
    const dialog = openDialog(signal, {
      title: t().refused,
      body: [h("p", {}, t().refusedText), violationList(error.violations), mayOverride && reason.row],
      footer: [button(t().close, "quiet", () => dialog.close()), mayOverride && go],
      closed: () => resolve(result),
    });
  });
}

export function violationList(violations: readonly Violation[]): HTMLElement {
  return h(
    "ul",
    { class: "violations" },
    ...violations.map((each) =>
      h(
        "li",
        {},
        icon(each.effect === "deny" ? "warning" : "clock"),
        each.ruleName ? h("strong", {}, each.ruleName) : null,
        h("span", {}, each.message),
      ),
    ),
  );
}

export interface Version {
  asset: string;
  when: string;
  title: string;
  guestCount: string;
  notes: string;
}

export function versionOf(
  store: Store,
  each: Pick<Reservation, "asset_id" | "start_date" | "end_date" | "title" | "guest_count" | "notes">,
): Version {
  return {
    asset: store.asset(each.asset_id)?.name ?? "",
    when: formatWhen(each.start_date, each.end_date, store.zoneOf(each.asset_id)),
    title: each.title,
    guestCount: each.guest_count === null ? "" : String(each.guest_count),
    notes: each.notes ?? "",
  };
}

/** Both versions side by side, and whose counts. Closing the dialog takes nothing away from anybody: theirs. */
export function chooseVersion(
  signal: AbortSignal,
  mine: Version,
  theirs: Version,
  who: string,
): Promise<"mine" | "theirs"> {
  const labels: Record<keyof Version, string> = {
    title: t().title,
    asset: t().asset,
    when: t().when,
    guestCount: t().guestCount,
    notes: t().notes,
  };
  const column = (heading: string, version: Version, other: Version) =>
    h(
      "section",
      { class: "version" },
      h("h3", {}, heading),
      h(
        "dl",
        {},
        ...(Object.keys(labels) as (keyof Version)[])
          .filter((key) => version[key] || other[key])
          .flatMap((key) => [h("dt", {}, labels[key]), value(version[key], version[key] !== other[key])]),
      ),
    );
  return new Promise((resolve) => {
    let choice: "mine" | "theirs" = "theirs";
    const choose = (chosen: "mine" | "theirs") => {
      choice = chosen;
      dialog.close();
    };
    const dialog = openDialog(signal, {
      title: t().editedMeanwhile,
      class: "dialog-versions",
      body: [
        h("p", {}, t().editedText({ who })),
        h(
          "div",
          { class: "versions" },
          column(t().mine, mine, theirs),
          column(`${t().theirs} · ${who}`, theirs, mine),
        ),
      ],
      footer: [
        button(t().keepTheirs, "secondary", () => choose("theirs")),
        button(t().keepMine, "primary", () => choose("mine")),
      ],
      closed: () => resolve(choice),
    });
  });
}

function value(text: string, differs: boolean): HTMLElement {
  if (!differs) return h("dd", {}, text);
  return h(
    "dd",
    { class: "differs" },
    text || "–",
    h("span", { class: "visually-hidden" }, ` (${t().differs})`),
  );
}
