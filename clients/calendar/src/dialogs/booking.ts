// The form of a booking, for a new one and for one that is changed.

import { ApiError } from "@reservepty/client";
import type { Asset, Changes, Draft, Preview, Reservation } from "../backend";
import { h } from "../dom";
import { formatList, formatWhen, t } from "../language";
import { faultyEmail, type GivenTime, guestsText, readGuests, readTime } from "../reading";
import { book, change, Keys, type Outcome } from "../saving";
import { SECTIONS, type Store } from "../store";
import { usualTimes, type Wish } from "../wishes";
import { browserZone, toInstant, toWall, zoneCity } from "../zones";
import { busy, button, field, openDialog } from "./dialog";
import { conflictList, violationList } from "./refusals";
import { editorOf, watch } from "./watch";

// After the last key, before the rules are asked. Milliseconds.
const PREVIEW_DELAY = 350;

/** Opens the form for a new booking. */
export function openBooking(store: Store, wish: Wish, isPointedAt: boolean): void {
  const form = new BookingForm(store, {
    asset_id: wish.assetId,
    title: "",
    start_date: toInstant(wish.start, store.zoneOf(wish.assetId)),
    end_date: toInstant(wish.end, store.zoneOf(wish.assetId)),
    guest_count: null,
    notes: null,
    guests: [],
  });
  const keys = new Keys();
  form.open(t().newBooking, t().book, (draft) => book(store, draft, keys));
  form.preview(isPointedAt);
}

/** Opens the form of a booking; `tried` is what has been changed in vain already. */
export function openChange(store: Store, reservation: Reservation, tried: Changes = {}): void {
  const before = draftOf(reservation);
  const form = new BookingForm(store, { ...before, ...tried });
  const stop = form.watch(reservation.id, reservation.version);
  form.open(
    t().edit,
    t().save,
    async (draft) => {
      const changes = difference(before, draft);
      return Object.keys(changes).length > 0 ? change(store, reservation, changes) : { kind: "dropped" };
    },
    stop,
  );
}

function draftOf(reservation: Reservation): Draft {
  return {
    asset_id: reservation.asset_id,
    title: reservation.title,
    start_date: reservation.start_date,
    end_date: reservation.end_date,
    guest_count: reservation.guest_count,
    notes: reservation.notes ?? null,
    guests: (reservation.guests ?? []).map(({ name, email }) => ({ name, email: email ?? null })),
  };
}

function difference(before: Draft, after: Draft): Changes {
  const changed = Object.entries(after).filter(([key, value]) => {
    const old = before[key as keyof Draft];
    const isSame = key.endsWith("_date")
      ? Date.parse(old as string) === Date.parse(value as string)
      : JSON.stringify(old) === JSON.stringify(value);
    return !isSame;
  });
  return Object.fromEntries(changed) as Changes;
}

class BookingForm {
  private readonly asset;
  private readonly title;
  private readonly start;
  private readonly end;
  private readonly guestCount;
  private readonly guests;
  private readonly notes;
  private readonly verdict = h("div", { class: "verdict", role: "status" });
  private readonly clock = h("p", { class: "quiet-text form-clock" });
  private readonly note = h("p", { class: "form-note", role: "status" });
  private zone: string;
  /** What the controls were given: what nobody touches is sent as it was, or not at all. */
  private readonly given: Record<"title" | "guests" | "notes", string> & Record<"start" | "end", GivenTime>;
  private timer = 0;
  private asking: AbortController | null = null;
  private isPreviewed = false;
  /** Whether the times are the user's own. */
  private isTimed = false;

  constructor(
    private readonly store: Store,
    private readonly before: Draft,
  ) {
    const draft = before;
    this.zone = store.zoneOf(draft.asset_id);
    this.asset = field(t().asset, assetSelect(store, draft.asset_id));
    this.title = field(
      t().title,
      h("input", {
        type: "text",
        maxlength: 200,
        required: true,
        value: draft.title,
        placeholder: t().titlePlaceholder,
        autocomplete: "off",
      }),
    );
    this.start = field(t().starts, timeInput(draft.start_date, this.zone));
    this.end = field(t().ends, timeInput(draft.end_date, this.zone));
    this.guestCount = field(
      t().guestCount,
      h("input", {
        type: "number",
        min: 0,
        max: 10_000,
        inputmode: "numeric",
        value: draft.guest_count ?? "",
      }),
    );
    this.guests = field(t().guests, h("textarea", { rows: 2 }), t().guestsHint);
    this.guests.control.value = guestsText(draft.guests);
    this.notes = field(t().notes, h("textarea", { rows: 2, maxlength: 10_000 }), t().notesHint);
    this.notes.control.value = draft.notes ?? "";
    const { zone } = this;
    this.given = {
      title: this.title.control.value,
      start: { instant: draft.start_date, zone, text: this.start.control.value },
      end: { instant: draft.end_date, zone, text: this.end.control.value },
      guests: this.guests.control.value,
      notes: this.notes.control.value,
    };
    this.asset.control.addEventListener("change", () => {
      // The clock's face stays: whoever books 15:00 means 15:00 there.
      this.zone = store.zoneOf(this.asset.control.value);
      if (this.isPreviewed && !this.isTimed) this.suggestTimes();
      this.edited();
    });
    for (const { control } of [this.start, this.end]) {
      control.addEventListener("change", () => {
        this.isTimed = true;
        this.edited();
      });
    }
    this.guestCount.control.addEventListener("change", () => this.edited());
    this.showClock();
  }

  open<T>(
    heading: string,
    action: string,
    submit: (draft: Draft) => Promise<Outcome<T>>,
    closed?: () => void,
  ): void {
    const send = h("button", { type: "submit", class: "button primary", form: "booking-form" }, action);
    const form = h(
      "form",
      { id: "booking-form", class: "form", novalidate: true },
      this.asset.row,
      this.title.row,
      h("div", { class: "field-pair" }, this.start.row, this.end.row),
      this.clock,
      this.verdict,
      this.guestCount.row,
      this.guests.row,
      this.notes.row,
      this.note,
    );
    const dialog = openDialog(this.store.signal, {
      title: heading,
      class: "dialog-form",
      body: [form],
      footer: [button(t().cancelAction, "quiet", () => dialog.close()), send],
      closed: () => {
        this.asking?.abort();
        window.clearTimeout(this.timer);
        closed?.();
      },
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const draft = this.read();
      if (!draft) return;
      void busy(send, async () => {
        const outcome = await submit(draft);
        if (outcome.kind === "faults") this.showFaults(outcome.error);
        else if (outcome.kind === "saved" || outcome.kind === "dropped") dialog.close();
        else this.start.control.focus();
      });
    });
    (this.title.control.value ? this.start.control : this.title.control).focus();
  }

  /** From now on, the rules are asked what they think of it. Without `isTimed` another asset brings its usual times. */
  preview(isTimed: boolean): void {
    this.isPreviewed = true;
    this.isTimed = isTimed;
    this.askSoon();
  }

  /** Says so when somebody else changes the booking that is in the form; answers how to stop. */
  watch(id: string, version: number): () => void {
    return watch(this.store, id, version, async (entry) => {
      const who = await editorOf(this.store, id);
      this.note.textContent = entry ? t().editedNote({ who }) : t().goneMeanwhile;
    });
  }

  private edited(): void {
    this.showClock();
    this.askSoon();
  }

  private suggestTimes(): void {
    const asset = this.store.asset(this.asset.control.value);
    if (!asset) return;
    const { start, end } = usualTimes(asset, this.start.control.value, null, true);
    this.start.control.value = start.slice(0, 16);
    this.end.control.value = end.slice(0, 16);
  }

  private showClock(): void {
    const { start, end } = this.times();
    const city = zoneCity(this.zone);
    const isElsewhere = start && toWall(start, this.zone) !== toWall(start, browserZone());
    const mine =
      isElsewhere && end && isBefore(start, end)
        ? t().yourTime({ when: formatWhen(start, end, browserZone()) })
        : "";
    this.clock.textContent = `${t().assetTime({ city })} ${mine}`.trim();
  }

  private times(): { start: string | null; end: string | null } {
    // While a year is being typed it may be any.
    const instant = ({ value, validity }: HTMLInputElement, given: GivenTime) =>
      value && !validity.rangeUnderflow && !validity.rangeOverflow ? readTime(value, this.zone, given) : null;
    return {
      start: instant(this.start.control, this.given.start),
      end: instant(this.end.control, this.given.end),
    };
  }

  /** What the form holds; null where something is missing, which is then said and focused. */
  private read(): Draft | null {
    const { start, end } = this.times();
    const title = this.title.control.value.trim();
    this.title.fault(title ? "" : t().required);
    this.start.fault(start ? "" : t().required);
    this.end.fault(!end ? t().required : start && !isBefore(start, end) ? t().endsBeforeStart : "");
    this.guestCount.fault(this.guestCount.control.validity.valid ? "" : t().countRange);
    const stranger = faultyEmail(this.readGuests());
    this.guests.fault(stranger === undefined ? "" : t().notAnEmail({ text: stranger }));
    for (const other of [this.asset, this.notes]) other.fault("");
    const checked = [this.title, this.start, this.end, this.guestCount, this.guests];
    const wrong = checked.find(({ control }) => control.hasAttribute("aria-invalid"));
    if (wrong || !start || !end) {
      wrong?.control.focus();
      return null;
    }
    return this.draft(title, start, end);
  }

  private draft(title: string, start: string, end: string): Draft {
    const count = this.guestCount.control.value;
    const { value: notes } = this.notes.control;
    return {
      asset_id: this.asset.control.value,
      title: this.title.control.value === this.given.title && this.before.title ? this.before.title : title,
      start_date: start,
      end_date: end,
      guest_count: count === "" ? null : Number(count),
      notes: notes === this.given.notes ? this.before.notes : notes.trim() || null,
      guests: this.readGuests(),
    };
  }

  private readGuests(): Draft["guests"] {
    const { value } = this.guests.control;
    return value === this.given.guests ? this.before.guests : readGuests(value, this.before.guests);
  }

  private showFaults(error: ApiError): void {
    const byPath: Record<string, { fault: (text: string) => void; control: HTMLElement }> = {
      asset_id: this.asset,
      title: this.title,
      start_date: this.start,
      end_date: this.end,
      guest_count: this.guestCount,
      guests: this.guests,
      notes: this.notes,
    };
    this.note.textContent = error.message;
    for (const { path, message } of [...error.fields].reverse()) {
      const found = byPath[path.split(".")[0] ?? ""];
      found?.fault(message);
      found?.control.focus();
    }
  }

  private askSoon(): void {
    window.clearTimeout(this.timer);
    if (this.isPreviewed) this.timer = window.setTimeout(() => void this.ask(), PREVIEW_DELAY);
  }

  private async ask(): Promise<void> {
    const { start, end } = this.times();
    if (!start || !end || !isBefore(start, end)) return this.verdict.replaceChildren();
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    try {
      const draft = this.draft(this.title.control.value.trim() || "…", start, end);
      const preview = await this.store.backend.preview({ ...draft, notes: null, guests: [] }, asking.signal);
      this.verdict.className = `verdict verdict-${preview.outcome}`;
      this.verdict.replaceChildren(...(await this.describe(preview)));
    } catch (error) {
      if (asking.signal.aborted) return;
      // A hint that fails is no reason to stop: booking says what is wrong, and where.
      this.verdict.className = "verdict";
      this.verdict.replaceChildren(
        ...(error instanceof ApiError && error.fields.length === 0 ? [h("p", {}, error.message)] : []),
      );
    }
  }

  private async describe(preview: Preview): Promise<Node[]> {
    switch (preview.outcome) {
      case "approved":
        return [h("p", {}, t().previewApproved)];
      case "pending": {
        const ids = [...new Set(preview.approvals.flatMap((each) => each.approvers))];
        const names = await Promise.all(ids.map((id) => this.store.findPerson(id)));
        const known = names.filter((name) => name !== undefined);
        return [
          h("p", {}, t().previewPending({ who: formatList(known) })),
          violationList(preview.violations),
        ];
      }
      case "refused":
        return [h("p", {}, t().previewRefused), violationList(preview.violations)];
      case "conflict":
        return [h("p", {}, t().previewConflict), conflictList(preview.conflicts, this.zone)];
    }
  }
}

export function assetSelect(store: Store, chosen: string): HTMLSelectElement {
  const groups = SECTIONS.map((section) => ({
    section,
    assets: store.bookable.filter((asset) => asset.section === section),
  }));
  const option = (asset: Asset) =>
    h("option", { value: asset.id, selected: asset.id === chosen }, asset.name);
  return h(
    "select",
    {},
    ...groups
      .filter(({ assets }) => assets.length > 0)
      .map(({ section, assets }) => h("optgroup", { label: t().sections[section] }, ...assets.map(option))),
  );
}

export function timeInput(instant: string, zone: string): HTMLInputElement {
  return h("input", {
    type: "datetime-local",
    required: true,
    step: 300,
    min: "1970-01-02T00:00",
    max: "2199-12-30T00:00",
    value: toWall(instant, zone).slice(0, 16),
  });
}

/** Of instants, each written in a way of its own. */
function isBefore(one: string, other: string): boolean {
  return Date.parse(one) < Date.parse(other);
}
