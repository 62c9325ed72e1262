import type { components } from "./schema.js";

/** A booking, as everyone sees it who may see its asset. */
export type Reservation = Readonly<components["schemas"]["CalendarEntry"]>;
/** A maintenance window, the same way. */
export type Maintenance = Readonly<components["schemas"]["MaintenanceEntry"]>;
export type Section = "planes" | "helicopters" | "residences" | "watercraft";

/**
 * What stands on a calendar between `from` and `to`, as of `cursor`. Never changed: a change makes
 * another one.
 */
export interface CalendarSnapshot {
  readonly from: string;
  readonly to: string;
  readonly reservations: ReadonlyMap<string, Reservation>;
  readonly maintenance: ReadonlyMap<string, Maintenance>;
  /** Opaque; empty before the first answer. */
  readonly cursor: string;
}

interface Change<Type extends string, State> {
  readonly type: Type;
  /** Before; null for what is new, or new to you. */
  readonly previousState: State | null;
  /** `moved`: it went where you may not look. */
  readonly reason?: "moved";
  readonly timestamp: string;
  /** Who did it; null for the system. */
  readonly sourceUserId: string | null;
  /** Where the stream stands after it; opaque. */
  readonly cursor: string;
}

export interface ReservationChange
  extends Change<"reservation_created" | "reservation_updated" | "reservation_canceled", Reservation> {
  /** After; its `status` says what became of it. Null where it moved out of your sight. */
  readonly reservation: Reservation | null;
}

export interface MaintenanceChange
  extends Change<"maintenance_scheduled" | "maintenance_updated" | "maintenance_canceled", Maintenance> {
  readonly maintenance: Maintenance | null;
}

export type CalendarChange = ReservationChange | MaintenanceChange;

interface Entry {
  readonly id: string;
  readonly start_date: string;
  readonly end_date: string;
  readonly version: number;
}

// The longest booking that there is. What the calendar's own query takes for its end's bound, and no more.
const LONGEST_SECONDS = 8784 * 3600;

/**
 * The snapshot after a change. What it moves out of the window is taken out, what lies outside is left
 * out: the result is what a fresh fetch of the same window would give. A change that the snapshot already
 * holds does nothing.
 */
export function applyEvent(snapshot: CalendarSnapshot, change: CalendarChange): CalendarSnapshot {
  const { cursor } = change;
  if ("reservation" in change) {
    const reservations = applied(snapshot, snapshot.reservations, change, change.reservation);
    return { ...snapshot, reservations, cursor };
  }
  const maintenance = applied(snapshot, snapshot.maintenance, change, change.maintenance);
  return { ...snapshot, maintenance, cursor };
}

function applied<T extends Entry>(
  snapshot: CalendarSnapshot,
  entries: ReadonlyMap<string, T>,
  change: Change<string, T>,
  state: T | null,
): ReadonlyMap<string, T> {
  const told = state ?? change.previousState;
  if (told === null) return entries;
  const known = entries.get(told.id);
  if (known !== undefined && known.version > told.version) return entries;
  const shown = state !== null && !change.type.endsWith("_canceled") && isWithin(snapshot, state);
  if (!shown && known === undefined) return entries;
  const result = new Map(entries);
  if (shown) result.set(state.id, state);
  else result.delete(told.id);
  return result;
}

/** Whether the calendar of that window has the entry (half-open, as the database decides it). */
export function isWithin(window: { readonly from: string; readonly to: string }, entry: Entry): boolean {
  return (
    compareInstants(entry.start_date, window.to) < 0 &&
    compareInstants(entry.end_date, window.from) > 0 &&
    compareInstants(entry.end_date, window.to, LONGEST_SECONDS) < 0
  );
}

/** Below 0 where `a` is before `b` plus `seconds`. RFC 3339, to the microsecond, which Date cannot tell. */
export function compareInstants(a: string, b: string, seconds = 0): number {
  const [left, leftRest] = split(a);
  const [right, rightRest] = split(b);
  return left - right - seconds || leftRest - rightRest;
}

function split(instant: string): [seconds: number, microseconds: number] {
  const fraction = /\.(\d+)/.exec(instant);
  const whole = Date.parse(fraction === null ? instant : instant.replace(fraction[0], "")) / 1000;
  return [whole, fraction === null ? 0 : Number((fraction[1] ?? "").padEnd(6, "0").slice(0, 6))];
}

/** The snapshot of an answer of GET …/calendar. */
export function toSnapshot(
  window: { readonly from: string; readonly to: string },
  calendar: components["schemas"]["Calendar"],
): CalendarSnapshot {
  return {
    from: window.from,
    to: window.to,
    reservations: new Map(calendar.reservations.map((each) => [each.id, each])),
    maintenance: new Map((calendar.maintenance ?? []).map((each) => [each.id, each])),
    cursor: calendar.cursor,
  };
}
