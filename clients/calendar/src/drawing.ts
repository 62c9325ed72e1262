// What the calendar draws: rows, bookings and what lies behind them, as @event-calendar/core takes them.

import type { Calendar as Drawn } from "@event-calendar/core";
import { h, icon } from "./dom";
import { formatWhen, t } from "./language";
import { initials } from "./sign-in";
import { type Entry, SECTIONS, type Store } from "./store";
import { asUtc, toWall, zoneCity } from "./zones";

const SECTION_PREFIX = "section:";

export interface Range {
  /** Walls; of a view of days, dates count only. */
  start: string;
  end: string;
  isDays: boolean;
}

export function isAsset(resource: Drawn.Resource | undefined): resource is Drawn.Resource {
  return resource !== undefined && !resource.id.startsWith(SECTION_PREFIX);
}

export function entryOf(event: Drawn.Event): Entry | undefined {
  return event.extendedProps.entry as Entry | undefined;
}

/** The sections, and in each its assets. */
export function rows(store: Store): Drawn.ResourceInput[] {
  return SECTIONS.map((section) => ({
    id: SECTION_PREFIX + section,
    title: t().sections[section],
    children: store.assets
      .filter((asset) => asset.section === section)
      .map(({ id, name }) => ({ id, title: name })),
  })).filter(({ children }) => children.length > 0);
}

export function rowLabel(store: Store, id: string): Node[] {
  const section = SECTIONS.find((each) => SECTION_PREFIX + each === id);
  if (section) return [h("span", { class: "section-label" }, icon(section), t().sections[section])];
  const asset = store.asset(id);
  if (!asset) return [];
  const isElsewhere = asset.timezone !== store.membership.timezone;
  const hints = [
    asset.capacity === null ? null : t().guestsUpTo({ count: asset.capacity }),
    isElsewhere ? t().timeOf({ city: zoneCity(asset.timezone) }) : null,
  ].filter(Boolean);
  return [
    h("span", { class: "asset-label" }, h("strong", {}, asset.name), h("small", {}, hints.join(" · "))),
  ];
}

export function bar(
  store: Store,
  entry: Entry,
  { isMarked, isLeaving }: { isMarked: boolean; isLeaving: boolean },
): Drawn.EventInput {
  const zone = store.zoneOf(entry.assetId);
  const isEditable = !isLeaving && store.mayChange(entry) && Date.parse(entry.end) > Date.now();
  return {
    id: entry.id,
    resourceId: entry.assetId,
    start: toWall(entry.start, zone),
    end: toWall(entry.end, zone),
    title: entry.title,
    editable: isEditable,
    startEditable: isEditable,
    durationEditable: isEditable,
    extendedProps: { entry, who: store.personName(entry.userId) },
    classNames: [
      `is-${entry.kind === "maintenance" ? "maintenance" : entry.status}`,
      ...(entry.userId === store.userId ? ["is-mine"] : []),
      ...(isMarked ? ["is-changed"] : []),
      ...(isLeaving ? ["is-leaving"] : []),
    ],
  };
}

/** Nothing is booked on a section's own row: it is one band. */
export function bands(range: Range): Drawn.EventInput[] {
  const [start, end] = range.isDays ? [day(range.start), day(range.end)] : [range.start, range.end];
  return SECTIONS.map((section) => background("band", SECTION_PREFIX + section, start, end));
}

/** What is over, dimmed; its edge is now, on each row by its own clock. */
export function past(store: Store, range: Range): Drawn.EventInput[] {
  return store.assets.flatMap((asset) => {
    const now = toWall(Date.now(), asset.timezone);
    const [start, end] = range.isDays ? [day(range.start), day(now)] : [range.start, now];
    const hasBegun = asUtc(now) > asUtc(range.start) && start !== end;
    return hasBegun ? [background("past", asset.id, start, end)] : [];
  });
}

function background(name: string, resourceId: string, start: string, end: string): Drawn.EventInput {
  return {
    id: `${name}:${resourceId}`,
    resourceId,
    display: "background",
    start,
    end,
    classNames: [name],
  };
}

const day = (wall: string) => wall.slice(0, 10);

/** What stands in a booking: on a row in short, with the rest for screen readers; in the list all of it. */
export function barContent(store: Store, entry: Entry, isList: boolean): Drawn.Content {
  const asset = store.asset(entry.assetId);
  const when = formatWhen(entry.start, entry.end, store.zoneOf(entry.assetId));
  const { isMine, who, face, mark, status } = signs(store, entry);
  if (isList) {
    return {
      domNodes: [
        h("span", { class: "agenda-asset" }, asset ? icon(asset.section) : null, asset?.name ?? ""),
        h("span", { class: "agenda-title" }, entry.title),
        h("span", { class: "agenda-when" }, when),
        h("span", { class: "agenda-who" }, face, who && h("span", {}, who), mark, h("span", {}, status)),
      ],
    };
  }
  // What is too long for its bar is cut; the name that is read out is whole.
  const name = [entry.title, who, asset?.name, when, status].filter(Boolean).join(", ");
  return {
    domNodes: [
      h(
        "span",
        {
          class: "event-text",
          "aria-hidden": true,
          title: [entry.title, who, when].filter(Boolean).join("\n"),
        },
        mark,
        face,
        h("b", {}, entry.title),
        // Of one's own the sign says it, in less room.
        who && !isMine && h("span", { class: "event-who" }, who),
      ),
      h("span", { class: "visually-hidden" }, name),
    ],
  };
}

function signs(store: Store, entry: Entry) {
  if (entry.kind === "maintenance" || entry.status === "scheduled") {
    return { isMine: false, who: null, face: null, mark: icon("wrench"), status: t().maintenance };
  }
  const isMine = entry.userId === store.userId;
  const who = isMine ? t().yours : (store.personName(entry.userId) ?? t().somebody);
  return {
    isMine,
    who,
    face: isMine ? icon("person") : h("span", { class: "face", "aria-hidden": true }, initials(who)),
    mark: entry.status === "pending" ? icon("clock") : null,
    status: t().statuses[entry.status],
  };
}
