// The calendar on the screen: @event-calendar/core, told what to draw in walls of each asset's zone.

import {
  createCalendar,
  type Calendar as Drawn,
  destroyCalendar,
  Interaction,
  List,
  ResourceTimeline,
} from "@event-calendar/core";
import { h } from "./dom";
import { bands, bar, barContent, entryOf, isAsset, past, rowLabel, rows } from "./drawing";
import { formatDate, locale, t } from "./language";
import type { Entry, Store } from "./store";
import { usualTimes, type Wish } from "./wishes";
import { move, offsetText, shift, toWall } from "./zones";

export type ViewName = "day" | "week" | "month" | "agenda";

const VIEWS = {
  day: "resourceTimelineDay",
  week: "resourceTimelineWeek",
  month: "resourceTimelineMonth",
  agenda: "listWeek",
} as const satisfies Record<ViewName, string>;
// Slots of a row: the hours of a day, the quarters of the days of a week.
const SLOTS = { day: 24, week: 28 } as const;
const NARROWEST_SLOT = { day: 40, week: 22 } as const;
// How long a change stays marked, and how long what is gone stays to be seen going. Milliseconds.
const FLASH = 2_600;
const LEAVING = 900;
const MINUTE = 60_000;
const TABLE_ROLES = "[role=rowgroup], [role=row], [role=cell], [role=rowheader], [role=columnheader]";
// From here on, drawing all anew costs less.
const MANY = 25;

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
  private readonly closing = new AbortController();
  /** What the library has been told, by id. */
  private drawnAs = new Map<string, string>();
  private range = { start: "", end: "" };
  private isDragging = false;
  private isStale = false;
  private isReady = false;

  constructor(
    private readonly target: HTMLElement,
    private readonly store: Store,
    private readonly handlers: Handlers,
    private name: ViewName,
    date?: string,
  ) {
    const options = { ...this.options(), date: date ?? this.today() };
    this.drawn = createCalendar(target, [ResourceTimeline, List, Interaction], options);
    this.isReady = true;
    this.refresh();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(target);
    this.clock = window.setInterval(() => this.refresh(), MINUTE);
    window.addEventListener("pointercancel", this.dropped, { signal: this.closing.signal });
  }

  async close(): Promise<void> {
    this.closing.abort();
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

  /** The first day that is shown. */
  get date(): string {
    return this.range.start.slice(0, 10);
  }

  /** The day of a booking whose time nobody has pointed at: the first that is shown, tomorrow at the earliest. */
  firstDay(): string {
    const tomorrow = shift(`${this.today()}T00:00:00`, { days: 1 }).slice(0, 10);
    return [this.date, tomorrow].sort().at(-1) ?? tomorrow;
  }

  /** Draws what the store has now. While something is dragged it waits: the dragged one would be lost. */
  refresh(): void {
    if (this.isDragging) {
      this.isStale = true;
      return;
    }
    this.isStale = false;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.entry;
    this.draw([...this.behind(), ...this.bars()]);
    requestAnimationFrame(() => {
      this.mendRoles();
      // What is drawn anew is another element.
      if (focused && document.activeElement === document.body) this.focus(focused);
    });
  }

  private focus(id: string): void {
    const found = this.target.querySelector<HTMLElement>(`[data-entry="${CSS.escape(id)}"]`);
    found?.focus({ preventScroll: true });
  }

  /** Touches only what is different: each event that is set is an element anew, without its focus and its animation. */
  private draw(wanted: Drawn.EventInput[]): void {
    const now = new Map(wanted.map((each) => [String(each.id), JSON.stringify(each)]));
    const changed = wanted.filter(({ id }) => this.drawnAs.get(String(id)) !== now.get(String(id)));
    if (changed.length > MANY) {
      this.drawn.setOption("events", wanted);
    } else {
      for (const each of changed) {
        if (!this.drawn.updateEvent(each)) this.drawn.addEvent(each);
      }
      for (const id of this.drawnAs.keys()) {
        if (!now.has(id)) this.drawn.removeEventById(id);
      }
    }
    this.drawnAs = now;
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

  private bars(): Drawn.EventInput[] {
    const shown = this.store.entries().filter(({ assetId }) => this.store.asset(assetId));
    const ids = new Set(shown.map(({ id }) => id));
    const gone = [...this.leaving.values()].filter(({ id }) => !ids.has(id));
    return [
      ...shown.map((entry) =>
        bar(this.store, entry, { isMarked: this.marked.has(entry.id), isLeaving: false }),
      ),
      ...gone.map((entry) => bar(this.store, entry, { isMarked: false, isLeaving: true })),
    ];
  }

  private behind(): Drawn.EventInput[] {
    if (this.name === "agenda" || !this.range.start) return [];
    const range = { ...this.range, isDays: this.name === "month" };
    return [...bands(range), ...past(this.store, range)];
  }

  private options(): Drawn.Options {
    const { store } = this;
    return {
      view: VIEWS[this.name],
      // Only for what is today: the walls that we draw have no zone.
      timeZone: offsetText(Date.now(), store.membership.timezone),
      locale: locale(),
      headerToolbar: { start: "", center: "", end: "" },
      buttonText: (texts) => ({ ...texts, expand: t().expand, collapse: t().collapse }),
      views: {
        resourceTimelineDay: { slotDuration: "01:00", snapDuration: "00:15", scrollTime: "06:00" },
        // Seven days from the chosen one: what is ahead counts, and not which day the week began.
        resourceTimelineWeek: {
          duration: { days: 7 },
          slotDuration: "06:00",
          snapDuration: "01:00",
          scrollTime: "00:00",
        },
        resourceTimelineMonth: { duration: { days: 28 }, columnWidth: "minmax(2.2rem, 1fr)" },
        listWeek: { duration: { days: 14 } },
      },
      slotLabelFormat: { hour: "2-digit", hourCycle: "h23" },
      eventTimeFormat: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
      dayHeaderFormat: (day) => ({
        domNodes: [
          h("span", {}, formatDate(day, { weekday: "short" })),
          new Text(" "),
          h("span", {}, day.getDate()),
        ],
      }),
      listDayFormat: { weekday: "long" },
      listDaySideFormat: { day: "numeric", month: "long" },
      noEventsContent: () => t().nothingBooked,
      resources: rows(store),
      resourceLabelContent: ({ resource }) => ({ domNodes: rowLabel(store, resource.id) }),
      events: [],
      eventContent: ({ event }) => {
        const entry = entryOf(event);
        return entry ? barContent(store, entry, this.name === "agenda") : { domNodes: [] };
      },
      eventDidMount: ({ el, event }) => {
        el.dataset.entry = String(event.id);
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
      resourceExpand: () => this.refresh(),
      datesSet: ({ startStr, endStr }) => {
        this.range = { start: startStr, end: endStr };
        this.handlers.range(startStr, endStr);
        if (this.isReady) this.refresh();
      },
      eventClick: ({ event, jsEvent }) => {
        // The Enter that opens a dialog would press the button in it that gets the focus.
        jsEvent.preventDefault();
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

  /** The browser took the pointer away: the library says nothing then, and leaves what was dragged where it hung. */
  private readonly dropped = () => {
    this.drawnAs.clear();
    this.drag(false);
    this.refresh();
  };

  private move(entry: Entry, startDelta: Drawn.Duration, endDelta: Drawn.Duration, assetId: string): void {
    // The library has moved it already.
    this.drawnAs.delete(entry.id);
    // The clock's face moves along: three o'clock on one row is three o'clock on the other.
    const [from, to] = [this.store.zoneOf(entry.assetId), this.store.zoneOf(assetId)];
    this.handlers.move(entry, {
      assetId,
      start: move(entry.start, startDelta, from, to),
      end: move(entry.end, endDelta, from, to),
    });
  }

  private wish(assetId: string, start: string, end: string | null, isDays: boolean): void {
    const asset = this.store.asset(assetId);
    if (asset)
      this.handlers.wish(isDays || !end ? usualTimes(asset, start, end, isDays) : { assetId, start, end });
    window.setTimeout(() => this.drawn.unselect());
  }

  private fit(): void {
    if (this.name !== "day" && this.name !== "week") return;
    const sidebar = this.target.querySelector<HTMLElement>(".ec-sidebar")?.offsetWidth ?? 200;
    const room = (this.target.clientWidth - sidebar - 2) / SLOTS[this.name];
    const width = Math.max(NARROWEST_SLOT[this.name], room);
    if (this.drawn.getOption("slotWidth") !== width) this.drawn.setOption("slotWidth", width);
  }

  /** The library calls its timeline a table whose one row holds all cells: worse than nothing to a screen reader. */
  private mendRoles(): void {
    const root = this.target.querySelector(".ec");
    root?.setAttribute("aria-label", t().calendar);
    if (this.name === "agenda") return;
    root?.setAttribute("role", "group");
    for (const each of this.target.querySelectorAll(TABLE_ROLES)) each.removeAttribute("role");
    for (const each of this.target.querySelectorAll("aside")) each.setAttribute("role", "presentation");
    for (const each of this.target.querySelectorAll(".ec-bg-event")) each.setAttribute("aria-hidden", "true");
    for (const each of this.target.querySelectorAll(".ec-row-head:has(.section-label)")) {
      const button = each.querySelector(".ec-button");
      const section = each.querySelector(".section-label")?.textContent ?? "";
      button?.setAttribute("aria-label", `${button.getAttribute("title")}: ${section}`);
    }
  }
}
