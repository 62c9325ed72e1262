import { type Api, unwrap } from "./api.js";
import { type CalendarSnapshot, toSnapshot } from "./snapshot.js";
import type { StreamOptions } from "./transport.js";
import { within } from "./within.js";

export interface Window {
  readonly from: string;
  readonly to: string;
}

type Shown = Pick<StreamOptions, "organizationId" | "assetIds" | "sections">;

export function windowOf(from: string | Date, to: string | Date): Window {
  return { from: iso(from), to: iso(to) };
}

export function isSame(one: Window, other: Window): boolean {
  return one.from === other.from && one.to === other.to;
}

function iso(time: string | Date): string {
  return typeof time === "string" ? time : time.toISOString();
}

/**
 * The snapshot of a window, within `limit` milliseconds.
 *
 * The API takes one section. Of several, each is fetched for itself, one after the other: the stream goes
 * on from the first one's cursor, and what the later ones know already is passed over by its version.
 *
 * @throws ApiError where the server refuses.
 */
export async function fetchCalendar(
  api: Api,
  options: Shown,
  window: Window,
  until: { signals: AbortSignal[]; limit: number },
): Promise<CalendarSnapshot> {
  const late = "The calendar was not answered in time.";
  return within({ ...until, late }, (signal) => fetchSections(api, options, window, signal));
}

async function fetchSections(
  api: Api,
  options: Shown,
  window: Window,
  signal: AbortSignal,
): Promise<CalendarSnapshot> {
  const sections = options.sections?.length ? options.sections : [undefined];
  let result: CalendarSnapshot | undefined;
  for (const section of sections) {
    const snapshot = await fetchOne(section);
    result = result === undefined ? snapshot : merge(result, snapshot);
  }
  return result as CalendarSnapshot;

  async function fetchOne(section: (typeof sections)[number]): Promise<CalendarSnapshot> {
    const query = {
      ...window,
      ...(options.assetIds?.length ? { asset_id: [...options.assetIds] } : {}),
      ...(section === undefined ? {} : { section }),
    };
    const params = { path: { org: options.organizationId }, query };
    const answer = await api.GET("/api/v1/organizations/{org}/calendar", { params, signal });
    return toSnapshot(window, unwrap(answer));
  }
}

function merge(first: CalendarSnapshot, second: CalendarSnapshot): CalendarSnapshot {
  return {
    ...first,
    reservations: new Map([...first.reservations, ...second.reservations]),
    maintenance: new Map([...first.maintenance, ...second.maintenance]),
  };
}
