import { EventSource } from "eventsource";
import type { Calendar, CalendarSnapshot, CalendarUpdate } from "../../src/index.js";
import {
  type Api,
  type CalendarOptions,
  createApi,
  idempotencyKey,
  openCalendar,
  unwrap,
} from "../../src/index.js";

/** What pytest has started: see tests/clients/control.py. */
interface Running {
  /** Where organisations, tokens and troubles are asked for. */
  control: string;
  /** The BFF. */
  bff: string;
  /** Another one, with short heartbeats and narrow limits, that can be killed. */
  frail: string;
}

export const running: Running = JSON.parse(
  process.env.RESERVEPTY_RUNNING ?? fail("these tests are run by tests/clients/test_typescript.py"),
);

function fail(message: string): never {
  throw new Error(message);
}

/** Asks pytest for something. */
export async function ask<T>(path: string, body: object = {}): Promise<T> {
  const answer = await fetch(`${running.control}${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

export type Role = "owner" | "admin" | "manager" | "member" | "viewer";
type Section = "planes" | "helicopters" | "residences" | "watercraft";

/** An organisation with a member of each role and an asset in each section. */
export interface Office {
  id: string;
  tier: string;
  people: Record<Role, string>;
  assets: Record<Section, string>;
}

export const openOffice = () => ask<Office>("/office");

/** An access token; `lifetime` in seconds. */
export async function sign(user: string, lifetime = 3_600): Promise<string> {
  return (await ask<{ token: string }>("/token", { user, lifetime })).token;
}

/** A member's token source, which signs once. */
export function tokenOf(user: string): () => Promise<string> {
  let token: Promise<string> | undefined;
  return () => {
    token ??= sign(user);
    return token;
  };
}

/** A token source that signs anew each time it is asked, for `lifetime` seconds, and counts. */
export function freshTokens(user: string, lifetime: number) {
  const source = async (rejected?: string) => {
    source.asked += 1;
    if (rejected !== undefined) source.rejected += 1;
    return sign(user, source.lifetime);
  };
  source.asked = 0;
  source.rejected = 0;
  source.lifetime = lifetime;
  return source;
}

export function apiOf(user: string, baseUrl = running.bff): Api {
  return createApi({ baseUrl, token: tokenOf(user) });
}

export const WINDOW = { from: "2032-01-01T00:00:00Z", to: "2032-12-31T00:00:00Z" };
/** Quick enough for tests. */
export const QUICK = {
  base: 50,
  cap: 400,
  connect: 2_000,
  offlineAfter: 300,
  settle: 50,
  stable: 500,
  resetSpread: 50,
};

// Milliseconds: a busy machine may take its time, and a fault is seen all the same.
const PATIENCE = 40_000;

let slots = 0;
/** Two hours that nobody has taken yet. */
export function slot(): { start_date: string; end_date: string } {
  const begin = new Date(Date.UTC(2032, 1, 1, (slots++ * 3) % 7_000));
  return { start_date: begin.toISOString(), end_date: new Date(begin.getTime() + 7_200_000).toISOString() };
}

export async function book(api: Api, asset: string, title: string, more: object = {}) {
  const body = { asset_id: asset, title, ...slot(), ...more };
  return unwrap(await api.POST("/api/v1/reservations", { body, params: { header: idempotencyKey() } }));
}

export async function change(api: Api, id: string, body: object) {
  return unwrap(await api.PATCH("/api/v1/reservations/{id}", { params: { path: { id } }, body }));
}

export async function cancel(api: Api, id: string) {
  const params = { path: { id } };
  return unwrap(await api.POST("/api/v1/reservations/{id}/cancel", { params, body: { reason: "Weather" } }));
}

const open: Watched[] = [];

type Watching = Pick<CalendarOptions, "organizationId" | "token"> & Partial<CalendarOptions>;

/** Opens a calendar, which `closeAll` closes. */
export function watch(options: Watching): Watched {
  const watched = new Watched({ baseUrl: running.bff, ...WINDOW, EventSource, ...options });
  open.push(watched);
  return watched;
}

export function closeAll(): void {
  for (const watched of open.splice(0)) watched.calendar.close();
}

export async function maintain(api: Api, asset: string, title: string, more: object = {}) {
  const params = { path: { id: asset } };
  const body = { title, ...slot(), ...more };
  return unwrap(await api.POST("/api/v1/assets/{id}/maintenance", { params, body }));
}

/** An open calendar, and all that it has said. */
export class Watched {
  readonly calendar: Calendar;
  readonly updates: CalendarUpdate[] = [];
  #news: (() => void) | undefined;

  constructor(options: CalendarOptions) {
    this.calendar = openCalendar({ ...options, timings: { ...QUICK, ...options.timings } });
    this.calendar.subscribe((update) => {
      this.updates.push(update);
      this.#news?.();
    });
  }

  /** Waits for a condition on what was said and is shown. */
  async until(condition: () => boolean, what = String(condition)): Promise<void> {
    const deadline = setTimeout(() => this.#news?.(), PATIENCE);
    const end = Date.now() + PATIENCE;
    while (!condition()) {
      if (Date.now() >= end)
        throw new Error(`not in time: ${what}; ${this.calendar.state} ${JSON.stringify(this.told)}`);
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
    clearTimeout(deadline);
  }

  live(): Promise<void> {
    return this.until(() => this.calendar.state === "live", "live");
  }

  shows(title: string): Promise<void> {
    return this.until(() => this.titles.includes(title), `shows ${title}`);
  }

  lacks(title: string): Promise<void> {
    return this.until(() => !this.titles.includes(title), `lacks ${title}`);
  }

  get titles(): string[] {
    const { reservations, maintenance } = this.calendar.snapshot;
    return [...reservations.values(), ...maintenance.values()].map((each) => each.title);
  }

  /** The changes as told, in a word each. */
  get changes(): string[] {
    return this.updates.flatMap((update) => {
      if (update.kind !== "change") return [];
      const { change } = update;
      const state = "reservation" in change ? change.reservation : change.maintenance;
      return [`${change.type} ${(state ?? change.previousState)?.title}`];
    });
  }

  get states(): string[] {
    return this.updates.flatMap((update) => (update.kind === "state" ? [update.state] : []));
  }

  get snapshots(): number {
    return this.updates.filter(({ kind }) => kind === "snapshot").length;
  }

  get errors(): { error: unknown; fatal: boolean }[] {
    return this.updates.flatMap((update) => (update.kind === "error" ? [update] : []));
  }

  private get told(): unknown[] {
    return this.updates.map((update) => (update.kind === "error" ? String(update.error) : update.kind));
  }
}

/** Whether both hold the same, whatever their order and cursor. */
export function contents({ reservations, maintenance }: CalendarSnapshot): unknown {
  const sorted = (entries: ReadonlyMap<string, { id: string }>) =>
    [...entries.values()].sort((a, b) => a.id.localeCompare(b.id));
  return { reservations: sorted(reservations), maintenance: sorted(maintenance) };
}

/** What a fresh fetch of the calendar's window holds. */
export async function fresh(
  api: Api,
  office: Office,
  window: { from: string; to: string } = WINDOW,
  more = {},
) {
  const params = { path: { org: office.id }, query: { from: window.from, to: window.to, ...more } };
  const calendar = unwrap(await api.GET("/api/v1/organizations/{org}/calendar", { params }));
  return contents({
    ...WINDOW,
    cursor: calendar.cursor,
    reservations: new Map(calendar.reservations.map((each) => [each.id, each])),
    maintenance: new Map((calendar.maintenance ?? []).map((each) => [each.id, each])),
  });
}
