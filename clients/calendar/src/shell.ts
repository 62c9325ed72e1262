// What stands around the calendar: who and where one is, the connection, the days shown, and the buttons.

import type { CalendarChange, CalendarState } from "@reservepty/client";
import { reasonOf } from "./backend";
import { CalendarView, type ViewName } from "./calendar-view";
import { openBooking, openChange } from "./dialogs/booking";
import { openEntry, openWaiting } from "./dialogs/details";
import { openMaintenance } from "./dialogs/maintenance";
import { h, icon } from "./dom";
import { formatDays, formatTime, t } from "./language";
import { languageSwitch } from "./language-switch";
import { describeChange } from "./news";
import { notify } from "./notices";
import { change } from "./saving";
import { initials } from "./sign-in";
import { type Entry, type Membership, ofState, type Store } from "./store";
import { usualTimes, type Wish } from "./wishes";
import { browserZone, toInstant } from "./zones";

// The window that is fetched reaches beyond the days shown, so that every zone's days are in it, and a step to the
// next ones is not empty while they are fetched.
const MARGIN_DAYS = 8;
const DAY = 86_400_000;
const VIEW_NAMES: readonly ViewName[] = ["day", "week", "month", "agenda"];
const VIEW_KEY = "reservepty.view";
const PHONE = window.matchMedia("(max-width: 44rem)");

export interface ShellOptions {
  memberships: readonly Membership[];
  switchTo: (membership: Membership) => void;
  signOut: () => void;
  /** In another language; `date` is the first day that is shown. */
  redraw: (date: string) => void;
  failed: (error: unknown) => void;
}

export class Shell {
  readonly element: HTMLElement;
  private readonly title = h("h1", { class: "period", "aria-live": "polite" });
  private readonly pill = h("div", { class: "connection", role: "status" });
  private readonly waiting = h("button", { type: "button", class: "waiting-button", hidden: true });
  private readonly canvas = h("div", { class: "canvas", id: "calendar", tabindex: -1 });
  private readonly view: CalendarView;
  private lastLive = Date.now();
  private missed: string[] = [];

  constructor(
    private readonly store: Store,
    private readonly options: ShellOptions,
    date?: string,
  ) {
    this.view = new CalendarView(
      this.canvas,
      store,
      {
        open: (entry) => openEntry(store, entry),
        wish: (wish) => openBooking(store, wish, true),
        move: (entry, to) => void this.move(entry, to),
        range: (start, end) => this.setRange(start, end),
      },
      this.initialView(),
      date,
    );
    this.element = h(
      "div",
      { class: "shell" },
      h("a", { class: "skip", href: "#calendar" }, t().skip),
      this.header(),
      h(
        "main",
        { class: "stage" },
        ...(store.assets.length > 0 ? [this.toolbar(), this.canvas, this.legend()] : [this.emptyState()]),
      ),
    );
    this.showState(store.state);
    this.waiting.addEventListener("click", () => openWaiting(store));
    store.listen({
      entries: () => this.view.refresh(),
      state: (state) => this.showState(state),
      change: (heard) => void this.hear(heard),
      waiting: () => this.showWaiting(),
      refused: options.failed,
    });
    void store.refreshWaiting();
  }

  async close(): Promise<void> {
    await this.view.close();
  }

  private initialView(): ViewName {
    const kept = sessionStorage.getItem(VIEW_KEY) as ViewName | null;
    if (kept && VIEW_NAMES.includes(kept)) return kept;
    return PHONE.matches ? "agenda" : "week";
  }

  private header(): HTMLElement {
    const { store, options } = this;
    const { memberships } = options;
    const here = store.membership;
    const name = store.personName(store.userId) ?? store.me.user.email ?? "";
    const organization =
      memberships.length > 1
        ? h(
            "select",
            {
              class: "organization",
              "aria-label": t().organization,
              on: {
                change: (event) => {
                  const chosen = (event.target as HTMLSelectElement).value;
                  const found = memberships.find(({ organizationId }) => organizationId === chosen);
                  if (found) options.switchTo(found);
                },
              },
            },
            ...memberships.map((each) =>
              h(
                "option",
                { value: each.organizationId, selected: each.organizationId === here.organizationId },
                each.name,
              ),
            ),
          )
        : h("span", { class: "organization" }, here.name);
    return h(
      "header",
      { class: "top" },
      h("span", { class: "brand", title: t().product }, icon("logo"), h("span", {}, t().product)),
      organization,
      h("span", { class: "spacer" }),
      this.pill,
      languageSwitch(() => options.redraw(this.view.date)),
      h(
        "div",
        { class: "whoami" },
        h("span", { class: "initials", "aria-hidden": true }, initials(name)),
        h("span", { class: "whoami-name" }, name, h("small", {}, t().roles[here.role])),
        h(
          "button",
          {
            type: "button",
            class: "button quiet sign-out",
            "aria-label": t().signOut,
            on: { click: options.signOut },
          },
          icon("exit"),
          h("span", {}, t().signOut),
        ),
      ),
    );
  }

  private toolbar(): HTMLElement {
    const { store, view } = this;
    const step = (direction: -1 | 1, label: string) =>
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": label,
          title: label,
          on: { click: () => view.step(direction) },
        },
        icon(direction < 0 ? "left" : "right"),
      );
    const views = VIEW_NAMES.map((name) =>
      h(
        "button",
        {
          type: "button",
          "data-view": name,
          "aria-pressed": String(name === view.view),
          on: { click: () => this.choose(name) },
        },
        t().views[name],
      ),
    );
    return h(
      "div",
      { class: "toolbar" },
      h(
        "div",
        { class: "steps", role: "group", "aria-label": t().period },
        step(-1, t().previous),
        h(
          "button",
          { type: "button", class: "button secondary", on: { click: () => view.step(0) } },
          t().today,
        ),
        step(1, t().next),
      ),
      this.title,
      h("span", { class: "spacer" }),
      this.waiting,
      h("div", { class: "segmented", role: "group", "aria-label": t().viewLabel }, ...views),
      store.isAdmin && store.bookable.length > 0
        ? h(
            "button",
            {
              type: "button",
              class: "button secondary with-icon maintenance-button",
              on: { click: () => openMaintenance(store, this.defaultWish()) },
            },
            icon("wrench"),
            h("span", {}, t().scheduleMaintenance),
          )
        : null,
      store.mayBook
        ? h(
            "button",
            {
              type: "button",
              class: "button primary with-icon book-button",
              on: { click: () => openBooking(store, this.defaultWish(), false) },
            },
            icon("plus"),
            h("span", {}, t().newBooking),
          )
        : null,
    );
  }

  private choose(name: ViewName): void {
    sessionStorage.setItem(VIEW_KEY, name);
    for (const each of this.element.querySelectorAll("[data-view]"))
      each.setAttribute("aria-pressed", String(each.getAttribute("data-view") === name));
    this.view.show(name);
  }

  private defaultWish(): Wish {
    const asset = this.store.bookable[0];
    if (!asset) throw new Error("There is nothing to book.");
    const day = this.view.firstDay();
    return usualTimes(asset, day, null, true);
  }

  private legend(): HTMLElement {
    const item = (kind: string, name: "check" | "clock" | "person" | "wrench", label: string) =>
      h("li", {}, h("span", { class: `swatch is-${kind}` }, name === "check" ? null : icon(name)), label);
    return h(
      "footer",
      { class: "legend" },
      h(
        "ul",
        { "aria-label": t().legend },
        item("approved", "check", t().statuses.approved),
        item("approved is-mine", "person", t().yours),
        item("pending", "clock", t().statuses.pending),
        item("maintenance", "wrench", t().maintenance),
      ),
      h("p", { class: "quiet-text" }, t().timesAreLocal),
    );
  }

  private emptyState(): HTMLElement {
    return h(
      "div",
      { class: "empty" },
      icon("residences"),
      h("h2", {}, t().noAssets),
      h("p", {}, t().noAssetsHint),
    );
  }

  private setRange(start: string, end: string): void {
    const style = this.view?.view ?? this.initialView();
    this.title.textContent = formatDays(start, end, style === "day" ? "day" : "range");
    const zone = this.store.membership.timezone;
    const bound = (wall: string, days: number) =>
      new Date(Date.parse(toInstant(wall, zone)) + days * DAY).toISOString();
    void this.store
      .show(bound(start, -MARGIN_DAYS), bound(end, MARGIN_DAYS))
      .catch((error: unknown) => this.options.failed(error));
  }

  private async move(entry: Entry, to: Pick<Entry, "assetId" | "start" | "end">): Promise<void> {
    const { store } = this;
    store.expect({ ...entry, ...to });
    const changes = {
      ...(to.assetId === entry.assetId ? {} : { asset_id: to.assetId }),
      ...(Date.parse(to.start) === Date.parse(entry.start) ? {} : { start_date: to.start }),
      ...(Date.parse(to.end) === Date.parse(entry.end) ? {} : { end_date: to.end }),
    };
    if (Object.keys(changes).length === 0) return store.forget(entry.id);
    const base = {
      id: entry.id,
      asset_id: entry.assetId,
      start_date: entry.start,
      end_date: entry.end,
      version: entry.version,
    };
    try {
      const outcome = await change(store, base, changes);
      if (outcome.kind === "saved") return;
      if (outcome.kind === "faults") notify(store.signal, reasonOf(outcome.error), "bad");
      if (outcome.kind !== "dropped" || store.entry(entry.id)?.version === entry.version)
        store.forget(entry.id);
      if (outcome.kind === "other")
        openChange(store, await store.backend.reservation(entry.id), outcome.tried);
    } catch {
      store.forget(entry.id);
      notify(store.signal, t().offlineAction, "bad");
    }
  }

  private async hear(heard: CalendarChange): Promise<void> {
    const { store, view } = this;
    if (heard.sourceUserId === store.userId) return;
    const state = "reservation" in heard ? heard.reservation : heard.maintenance;
    const before = heard.previousState;
    if (heard.type.endsWith("_canceled") && before) view.leave(ofState(before));
    else if (state) view.flash(state.id);
    const text = await describeChange(heard, store);
    if (!text) return;
    if (store.state === "live") notify(store.signal, text, "news");
    else this.missed.push(text);
  }

  private showState(state: CalendarState): void {
    this.pill.className = `connection connection-${state}`;
    const time = formatTime(new Date(this.lastLive), browserZone());
    const text = state === "offline" && !PHONE.matches ? t().offlineSince({ time }) : t().states[state];
    this.pill.title = t().stateHints[state];
    this.pill.replaceChildren(
      h("span", { class: "dot", "aria-hidden": true }),
      h("span", {}, text),
      h("span", { class: "visually-hidden" }, `. ${t().stateHints[state]}`),
    );
    document.documentElement.dataset.connection = state;
    if (state === "live") {
      const [only, ...others] = this.missed;
      if (only)
        notify(
          this.store.signal,
          others.length > 0 ? t().news.missed({ count: others.length + 1 }) : only,
          "news",
        );
      this.missed = [];
    }
    if (state !== "offline") this.lastLive = Date.now();
  }

  private showWaiting(): void {
    const count = this.store.waiting.filter((each) => each.can_decide).length;
    this.waiting.hidden = count === 0;
    this.waiting.replaceChildren(icon("clock"), t().waiting({ count }));
  }
}
