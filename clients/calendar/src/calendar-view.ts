// The calendar on the screen: @event-calendar/core, told what to draw in walls of each asset's zone.

import { type Calendar as Drawn, createCalendar, destroyCalendar, Interaction, List, ResourceTimeline } from "@event-calendar/core";
import type { Asset } from "./backend";
import type { Wish } from "./dialogs/booking";
import { h, icon } from "./dom";
import { formatDate, formatWhen, locale, t } from "./language";
import { initials } from "./sign-in";
import { type Entry, SECTIONS, type Store } from "./store";
import { asUtc, offsetText, shift, toInstant, toWall, zoneCity } from "./zones";

export type ViewName = "day" | "week" | "month" | "agenda";

const VIEWS = {
  day: "resourceTimelineDay",
  week: "resourceTimelineWeek",
  month: "resourceTimelineMonth",
  agenda: "listWeek",
} as const satisfies Record<ViewName, string>;
const SECTION_PREFIX = "section:";
// Slots of a row: the hours of a day, the quarters of the days of a week.
const SLOTS = { day: 24, week: 28 } as const;
const NARROWEST_SLOT = { day: 44, week: 22 } as const;
// How long a change stays marked, and how long what is gone stays to be seen going. Milliseconds.
const FLASH = 2_600;
const LEAVING = 900;
const MINUTE = 60_000;

interface Handlers {
  open: (entry: Entry) => void;
  wish: (wish: Wish) => void;
  move: (entry: Entry, to: Pick<Entry, "assetId" | "start" | "end">) => void;
  range: (start: string, end: string) => void;
}

export class CalendarView {
  private readonly drawn: Drawn;
  private readonly marked = new Set<string>();
  private readonly leaving = new Map<string, Entry>();
  private readonly observer: ResizeObserver;
  private readonly clock: number;
  private range = { start: "", end: "" };
  private isDragging = false;
  private isStale = false;
  private isReady = false;

  constructor(
    private readonly target: HTMLElement,
    private readonly store: Store,
    private readonly handlers: Handlers,
    private name: ViewName,
  ) {
    this.drawn = createCalendar(target, [ResourceTimeline, List, Interaction], this.options());
    this.isReady = true;
    this.refresh();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(target);
    this.clock = window.setInterval(() => this.refresh(), MINUTE);
  }

  async close(): Promise<void> {
    this.observer.disconnect();
    window.clearInterval(this.clock);
    await destroyCalendar(this.drawn);
  }

  get view(): ViewName {
    return this.name;
  }

  show(name: ViewName): void {
    this.name = name;
    this.drawn.setOption("view", VIEWS[name]);
    this.fit();
    this.refresh();
  }

  step(direction: -1 | 0 | 1): void {
    if (direction === 0) this.drawn.gotoDate(this.today());
    else if (direction < 0) this.drawn.prev();
    else this.drawn.next();
  }

  goto(wall: string): void {
    this.drawn.gotoDate(wall.slice(0, 10));
  }

  /** The day of a booking whose time nobody has pointed at: the first that is shown, tomorrow at the earliest. */
  firstDay(): string {
    const tomorrow = shift(`${this.today()}T00:00:00`, { days: 1 }).slice(0, 10);
    const shown = this.range.start.slice(0, 10);
    return shown > tomorrow ? shown : tomorrow;
  }

  /** Draws what the store has now. While something is dragged it waits: the dragged one would be lost. */
  refresh(): void {
    if (this.isDragging) {
      this.isStale = true;
      return;
    }
    this.isStale = false;
    this.drawn.setOption("events", [...this.bands(), ...this.past(), ...this.entries().map((entry) => this.event(entry))]);
    requestAnimationFrame(() => this.mendRoles());
  }

  /** Marks an entry for a moment. */
  flash(id: string): void {
    this.marked.add(id);
    this.refresh();
    window.setTimeout(() => {
      this.marked.delete(id);
      this.refresh();
    }, FLASH);
  }

  /** Lets an entry that is gone be seen going. */
  leave(entry: Entry): void {
    this.leaving.set(entry.id, entry);
    this.refresh();
    window.setTimeout(() => {
      this.leaving.delete(entry.id);
      this.refresh();
    }, LEAVING);
  }

  private today(): string {
    return toWall(Date.now(), this.store.membership.timezone).slice(0, 10);
  }

  private entries(): Entry[] {
    const shown = this.store.entries().filter((entry) => this.store.asset(entry.assetId));
    const ids = new Set(shown.map(({ id }) => id));
    return [...shown, ...[...this.leaving.values()].filter(({ id }) => !ids.has(id))];
  }

  private options(): Drawn.Options {
    const { store } = this;
    return {
      view: VIEWS[this.name],
      date: this.today(),
      // Only for what is today: the walls that we draw have no zone.
      timeZone: offsetText(Date.now(), store.membership.timezone),
      locale: locale(),
      headerToolbar: { start: "", center: "", end: "" },
      buttonText: (texts) => ({ ...texts, expand: t().expand, collapse: t().collapse }),
      views: {
        resourceTimelineDay: { slotDuration: "01:00", snapDuration: "00:15", scrollTime: "06:00" },
        // Seven days from the chosen one: what is ahead counts, and not which day the week began.
        resourceTimelineWeek: { duration: { days: 7 }, slotDuration: "06:00", snapDuration: "01:00", scrollTime: "00:00" },
        resourceTimelineMonth: { duration: { days: 28 }, columnWidth: "minmax(2.4rem, 1fr)" },
        listWeek: { duration: { days: 14 } },
      },
      slotLabelFormat: { hour: "2-digit", hourCycle: "h23" },
      eventTimeFormat: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
      dayHeaderFormat: (day) => ({ domNodes: [h("span", {}, formatDate(day, { weekday: "short" })), new Text(" "), h("span", {}, day.getDate())] }),
      listDayFormat: { weekday: "long" },
      listDaySideFormat: { day: "numeric", month: "long" },
      noEventsContent: () => t().nothingBooked,
      resources: this.resources(),
      resourceLabelContent: ({ resource }) => ({ domNodes: this.label(resource.id) }),
      events: [],
      eventContent: (info) => this.content(info.event),
      eventDidMount: ({ el, event }) => {
        el.dataset["entry"] = String(event.id);
      },
      filterEventsWithResources: true,
      eventResizableFromStart: true,
      dragScroll: true,
      pointer: false,
      nowIndicator: false,
      selectable: store.mayBook,
      selectBackgroundColor: "var(--select)",
      selectMinDistance: 6,
      selectConstraint: ({ resource }) => isAsset(resource),
      dragConstraint: ({ newResource }) => !newResource || isAsset(newResource),
      datesSet: ({ startStr, endStr }) => {
        this.range = { start: startStr, end: endStr };
        this.handlers.range(startStr, endStr);
        if (this.isReady) this.refresh();
      },
      eventClick: ({ event }) => {
        const entry = entryOf(event);
        if (entry) this.handlers.open(entry);
      },
      dateClick: ({ dateStr, allDay, resource }) => {
        if (store.mayBook && isAsset(resource)) this.wish(resource.id, dateStr, null, allDay);
      },
      select: ({ startStr, endStr, allDay, resource }) => {
        if (isAsset(resource)) this.wish(resource.id, startStr, endStr, allDay);
      },
      eventDragStart: () => this.drag(true),
      eventDragStop: () => this.drag(false),
      eventResizeStart: () => this.drag(true),
      eventResizeStop: () => this.drag(false),
      eventDrop: ({ oldEvent, delta, newResource }) => {
        const entry = entryOf(oldEvent);
        if (entry) this.move(entry, delta, delta, newResource?.id ?? entry.assetId);
      },
      eventResize: (info) => {
        const entry = entryOf(info.oldEvent);
        const { startDelta } = info as typeof info & { startDelta: Drawn.Duration };
        if (entry) this.move(entry, startDelta, info.endDelta, entry.assetId);
      },
    };
  }

  private drag(isDragging: boolean): void {
    this.isDragging = isDragging;
    // After the drop itself, which comes next and says where it went.
    if (!isDragging) window.setTimeout(() => this.isStale && this.refresh());
  }

  private move(entry: Entry, startDelta: Drawn.Duration, endDelta: Drawn.Duration, assetId: string): void {
    // The clock's face moves along: three o'clock on one row is three o'clock on the other.
    const [from, to] = [this.store.zoneOf(entry.assetId), this.store.zoneOf(assetId)];
    this.handlers.move(entry, {
      assetId,
      start: toInstant(shift(toWall(entry.start, from), startDelta), to),
      end: toInstant(shift(toWall(entry.end, from), endDelta), to),
    });
  }

  private wish(assetId: string, start: string, end: string | null, isDays: boolean): void {
    const asset = this.store.asset(assetId);
    if (asset) this.handlers.wish(isDays || !end ? defaultTimes(asset, start, end, isDays) : { assetId, start, end });
    window.setTimeout(() => this.drawn.unselect());
  }

  private resources(): Drawn.ResourceInput[] {
    return SECTIONS.map((section) => ({
      id: SECTION_PREFIX + section,
      title: t().sections[section],
      children: this.store.assets.filter((asset) => asset.section === section).map(({ id, name }) => ({ id, title: name })),
    })).filter(({ children }) => children.length > 0);
  }

  private label(id: string): Node[] {
    const section = SECTIONS.find((each) => SECTION_PREFIX + each === id);
    if (section) return [h("span", { class: "section-label" }, icon(section), t().sections[section])];
    const asset = this.store.asset(id);
    if (!asset) return [];
    const isElsewhere = asset.timezone !== this.store.membership.timezone;
    const hints = [
      asset.capacity === null ? null : t().guestsUpTo({ count: asset.capacity }),
      isElsewhere ? t().timeOf({ city: zoneCity(asset.timezone) }) : null,
    ].filter(Boolean);
    return [h("span", { class: "asset-label" }, h("strong", {}, asset.name), h("small", {}, hints.join(" · ")))];
  }

  private event(entry: Entry): Drawn.EventInput {
    const zone = this.store.zoneOf(entry.assetId);
    const isLeaving = this.leaving.has(entry.id) && !this.store.entry(entry.id);
    const isEditable = !isLeaving && this.store.mayChange(entry) && Date.parse(entry.end) > Date.now();
    return {
      id: entry.id,
      resourceId: entry.assetId,
      start: toWall(entry.start, zone),
      end: toWall(entry.end, zone),
      title: entry.title,
      editable: isEditable,
      startEditable: isEditable,
      durationEditable: isEditable,
      extendedProps: { entry },
      classNames: [
        `is-${entry.kind === "maintenance" ? "maintenance" : entry.status}`,
        ...(entry.userId === this.store.userId ? ["is-mine"] : []),
        ...(this.marked.has(entry.id) ? ["is-changed"] : []),
        ...(isLeaving ? ["is-leaving"] : []),
      ],
    };
  }

  /** Nothing is booked on a section's own row: it is one band. */
  private bands(): Drawn.EventInput[] {
    if (this.name === "agenda" || !this.range.start) return [];
    const [start, end] = this.name === "month" ? [this.range.start.slice(0, 10), this.range.end.slice(0, 10)] : [this.range.start, this.range.end];
    return SECTIONS.map((section) => {
      const id = SECTION_PREFIX + section;
      return { id: `band:${id}`, resourceId: id, display: "background" as const, start, end, classNames: ["band"] };
    });
  }

  /** What is over, dimmed; its edge is now, on each row by its own clock. */
  private past(): Drawn.EventInput[] {
    if (this.name === "agenda" || !this.range.start) return [];
    return this.store.assets.flatMap((asset) => {
      const now = toWall(Date.now(), asset.timezone);
      const end = this.name === "month" ? now.slice(0, 10) : now;
      if (asUtc(now) <= asUtc(this.range.start) || this.range.start.startsWith(end)) return [];
      const start = this.name === "month" ? this.range.start.slice(0, 10) : this.range.start;
      return [{ id: `past:${asset.id}`, resourceId: asset.id, display: "background" as const, start, end, classNames: ["past"] }];
    });
  }

  private content(event: Drawn.Event): Drawn.Content | undefined {
    const entry = entryOf(event);
    if (!entry) return { domNodes: [] };
    const asset = this.store.asset(entry.assetId);
    const zone = this.store.zoneOf(entry.assetId);
    const isMine = entry.userId === this.store.userId;
    const status = entry.kind === "maintenance" ? t().maintenance : entry.status === "scheduled" ? "" : t().statuses[entry.status];
    const who = entry.kind === "maintenance" ? null : isMine ? t().yours : (this.store.personName(entry.userId) ?? t().somebody);
    const when = formatWhen(entry.start, entry.end, zone);
    const mark = entry.kind === "maintenance" ? "wrench" : entry.status === "pending" ? "clock" : null;
    const face = !who ? null : isMine ? icon("person") : h("span", { class: "face", "aria-hidden": true }, initials(who));
    if (this.name === "agenda") {
      return {
        domNodes: [
          h("span", { class: "agenda-asset" }, asset ? icon(asset.section) : null, asset?.name ?? ""),
          h("span", { class: "agenda-title" }, entry.title),
          h("span", { class: "agenda-when" }, when),
          h("span", { class: "agenda-who" }, face, who && h("span", {}, who), mark ? icon(mark) : null, h("span", {}, status)),
        ],
      };
    }
    return {
      domNodes: [
        h(
          "span",
          { class: "event-text", title: [entry.title, who, when].filter(Boolean).join("\n") },
          mark ? icon(mark) : null,
          face,
          h("b", {}, entry.title),
          who ? h("span", { class: "event-who" }, who) : null,
        ),
        h("span", { class: "visually-hidden" }, `, ${[asset?.name, when, status].filter(Boolean).join(", ")}`),
      ],
    };
  }

  private fit(): void {
    if (this.name !== "day" && this.name !== "week") return;
    const sidebar = this.target.querySelector<HTMLElement>(".ec-sidebar")?.offsetWidth ?? 200;
    const room = (this.target.clientWidth - sidebar - 2) / SLOTS[this.name];
    const width = Math.max(NARROWEST_SLOT[this.name], room);
    if (this.drawn.getOption("slotWidth") !== width) this.drawn.setOption("slotWidth", width);
  }

  /** The library calls its timeline a table, whose one row holds all cells: worse than nothing to a screen reader. */
  private mendRoles(): void {
    const root = this.target.querySelector(".ec");
    root?.setAttribute("aria-label", t().calendar);
    if (this.name === "agenda") return;
    root?.setAttribute("role", "group");
    for (const each of this.target.querySelectorAll("[role=rowgroup], [role=row], [role=cell], [role=rowheader], [role=columnheader]")) {
      each.removeAttribute("role");
    }
  }
}

/** Bookings of days: a residence from its check-in to its check-out, all else in office hours. */
export function defaultTimes(asset: Asset, start: string, end: string | null, isDays: boolean): Wish {
  const day = start.slice(0, 10);
  if (asset.section === "residences") {
    const last = end ? shift(end, { days: -1 }).slice(0, 10) : day;
    const out = last > day ? last : shift(`${day}T00:00:00`, { days: 1 }).slice(0, 10);
    return { assetId: asset.id, start: `${day}T${asset.check_in ?? "15:00"}:00`, end: `${out}T${asset.check_out ?? "11:00"}:00` };
  }
  if (!isDays) return { assetId: asset.id, start, end: shift(start, { seconds: 2 * 3600 }) };
  const last = end ? shift(end, { days: -1 }).slice(0, 10) : day;
  return { assetId: asset.id, start: `${day}T09:00:00`, end: `${last}T17:00:00` };
}

function entryOf(event: Drawn.Event): Entry | undefined {
  return event.extendedProps["entry"] as Entry | undefined;
}

function isAsset(resource: Drawn.Resource | undefined): resource is Drawn.Resource {
  return resource !== undefined && !resource.id.startsWith(SECTION_PREFIX);
}
