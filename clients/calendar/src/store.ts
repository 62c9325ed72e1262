// What is known of one organisation: its assets and people, and its calendar as the stream keeps it.

import {
  type Calendar,
  type CalendarChange,
  type CalendarOptions,
  type CalendarState,
  type CalendarUpdate,
  type ConnectionOptions,
  type Maintenance as MaintenanceEntry,
  openCalendar,
  type ReservationChange,
  type Reservation as ReservationEntry,
} from "@reservepty/client";
import type { Approval, Asset, Backend, Me, Member, Reservation, Role, Section } from "./backend";

export const SECTIONS: readonly Section[] = ["planes", "helicopters", "residences", "watercraft"];
const MANAGERS: readonly Role[] = ["owner", "admin", "manager"];
const ADMINS: readonly Role[] = ["owner", "admin"];
// How long an answer of ours may wait to be confirmed by the stream before the stream is believed again. Milliseconds.
const OVERLAY_LIFE = 15_000;

export interface Entry {
  kind: "booking" | "maintenance";
  id: string;
  assetId: string;
  userId: string | null;
  title: string;
  start: string;
  end: string;
  status: ReservationEntry["status"] | MaintenanceEntry["status"];
  version: number;
  guestCount: number | null;
}

interface Overlay {
  entry: Entry | null;
  /** From this version on, the stream knows better; null while the answer is still out. */
  version: number | null;
  until: number;
}

interface Listeners {
  entries: () => void;
  state: (state: CalendarState) => void;
  change: (change: CalendarChange) => void;
  waiting: () => void;
  refused: (error: unknown) => void;
}

export interface Membership {
  organizationId: string;
  name: string;
  timezone: string;
  role: Role;
}

export function membershipsOf(me: Me): Membership[] {
  return me.memberships.map(({ organization, role }) => ({
    organizationId: organization.id,
    name: organization.commercial_name ?? organization.legal_name,
    timezone: organization.timezone,
    role,
  }));
}

export class Store {
  private readonly overlays = new Map<string, Overlay>();
  private readonly changedBy = new Map<string, string | null>();
  private readonly people = new Map<string, string>();
  private readonly assetsById: Map<string, Asset>;
  private refetching: Promise<void> | null = null;
  private readonly closing = new AbortController();
  private listeners: Partial<Listeners> = {};
  private calendar: Calendar | null = null;
  waiting: readonly Approval[] = [];
  private waitingAsked = 0;

  private constructor(
    readonly backend: Backend,
    private readonly connection: ConnectionOptions,
    readonly me: Me,
    readonly membership: Membership,
    readonly assets: readonly Asset[],
    members: readonly Member[],
  ) {
    this.assetsById = new Map(assets.map((asset) => [asset.id, asset]));
    this.learn(members);
  }

  /** Fetches all but the calendar, which `show` opens. */
  static async open(
    backend: Backend,
    connection: ConnectionOptions,
    me: Me,
    membership: Membership,
  ): Promise<Store> {
    const [assets, members] = await Promise.all([
      backend.assets(membership.organizationId),
      backend.members(membership.organizationId),
    ]);
    const rank = (asset: Asset) => SECTIONS.indexOf(asset.section);
    assets.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    return new Store(backend, connection, me, membership, assets, members);
  }

  listen(listeners: Listeners): void {
    this.listeners = listeners;
  }

  /** Aborted when it is closed: what is shown of it on top of the calendar goes too. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  get userId(): string {
    return this.me.user.id;
  }

  get mayBook(): boolean {
    return this.membership.role !== "viewer" && this.bookable.length > 0;
  }

  get isManager(): boolean {
    return MANAGERS.includes(this.membership.role);
  }

  get isAdmin(): boolean {
    return ADMINS.includes(this.membership.role);
  }

  get bookable(): Asset[] {
    return this.assets.filter((asset) => asset.is_active);
  }

  get state(): CalendarState {
    return this.calendar?.state ?? "connecting";
  }

  asset(id: string): Asset | undefined {
    return this.assetsById.get(id);
  }

  zoneOf(assetId: string): string {
    return this.asset(assetId)?.timezone ?? this.membership.timezone;
  }

  mayChange(entry: Entry): boolean {
    const isOpen = entry.status === "pending" || entry.status === "approved";
    return entry.kind === "booking" && isOpen && (entry.userId === this.userId || this.isManager);
  }

  /** The name of a member, if it is known already. */
  personName(id: string | null): string | undefined {
    return id === null ? undefined : this.people.get(id);
  }

  /** The name of a member, also of one who came after the page was opened. */
  async findPerson(id: string | null): Promise<string | undefined> {
    if (id !== null && !this.people.has(id)) {
      this.refetching ??= this.backend
        .members(this.membership.organizationId)
        .then((members) => this.learn(members))
        .catch(() => undefined)
        .finally(() => {
          this.refetching = null;
        });
      await this.refetching;
    }
    return this.personName(id);
  }

  /** Who changed a booking last, as far as this page has seen. */
  lastEditor(id: string): string | null {
    return this.changedBy.get(id) ?? null;
  }

  /** Opens the calendar for this time, or moves the open one there. */
  async show(from: string, to: string): Promise<void> {
    if (this.calendar) {
      await this.calendar.setWindow(from, to);
      return;
    }
    const options: CalendarOptions = {
      ...this.connection,
      organizationId: this.membership.organizationId,
      from,
      to,
    };
    this.calendar = openCalendar(options);
    this.calendar.subscribe((update) => this.hear(update));
  }

  close(): void {
    this.listeners = {};
    this.calendar?.close();
    this.closing.abort();
  }

  /** Bookings and maintenance as they are to be shown: the stream's, and over it what we have just been answered. */
  entries(): Entry[] {
    const all = new Map<string, Entry>();
    for (const each of this.calendar?.snapshot.reservations.values() ?? []) all.set(each.id, ofState(each));
    for (const each of this.calendar?.snapshot.maintenance.values() ?? []) all.set(each.id, ofState(each));
    for (const [id, overlay] of this.overlays) {
      const known = all.get(id);
      const isOver =
        overlay.version !== null && (overlay.until < Date.now() || (known?.version ?? 0) >= overlay.version);
      if (isOver) this.overlays.delete(id);
      else if (overlay.entry) all.set(id, overlay.entry);
      else all.delete(id);
    }
    return [...all.values()];
  }

  entry(id: string): Entry | undefined {
    return this.entries().find((each) => each.id === id);
  }

  /** Shows an entry in its new place while the answer is out. */
  expect(entry: Entry): void {
    this.overlays.set(entry.id, { entry, version: null, until: Number.POSITIVE_INFINITY });
    this.listeners.entries?.();
  }

  /** What we asked for was refused: back to what the stream says. */
  forget(id: string): void {
    this.overlays.delete(id);
    this.listeners.entries?.();
  }

  /** Shows what we were answered until the stream has caught up with it. */
  answered(reservation: Reservation): void {
    const isShown = reservation.status === "pending" || reservation.status === "approved";
    this.overlays.set(reservation.id, {
      entry: isShown ? ofState(reservation) : null,
      version: reservation.version,
      until: Date.now() + OVERLAY_LIFE,
    });
    this.listeners.entries?.();
  }

  /** Asks again what waits for this user's decision. */
  async refreshWaiting(): Promise<void> {
    if (this.membership.role === "viewer") return;
    this.waitingAsked += 1;
    const mine = this.waitingAsked;
    const waiting = await this.backend.waiting(this.membership.organizationId).catch(() => this.waiting);
    // An answer to an earlier question knows less than one that may be there already.
    if (mine !== this.waitingAsked) return;
    this.waiting = waiting;
    this.listeners.waiting?.();
  }

  mayDecide(id: string): boolean {
    return this.waiting.some((each) => each.can_decide && each.reservation.id === id);
  }

  private hear(update: CalendarUpdate): void {
    switch (update.kind) {
      case "state":
        this.listeners.state?.(update.state);
        break;
      case "change":
        if ("reservation" in update.change) this.hearReservation(update.change);
        this.listeners.change?.(update.change);
        this.listeners.entries?.();
        break;
      case "snapshot":
        this.overlays.clear();
        void this.refreshWaiting();
        this.listeners.entries?.();
        break;
      case "error":
        if (update.fatal) this.listeners.refused?.(update.error);
    }
  }

  private hearReservation(change: ReservationChange): void {
    const id = (change.reservation ?? change.previousState)?.id;
    if (id) this.changedBy.set(id, change.sourceUserId);
    const statuses = [change.reservation?.status, change.previousState?.status];
    if (statuses.includes("pending")) void this.refreshWaiting();
  }

  private learn(members: readonly Member[]): void {
    for (const { user_id, first_name, last_name, email } of members) {
      const name = [first_name, last_name].filter(Boolean).join(" ") || email;
      if (name) this.people.set(user_id, name);
    }
  }
}

/** A booking or a maintenance window of the calendar's, or a booking as the API answers it. */
export function ofState(each: ReservationEntry | MaintenanceEntry): Entry {
  const isBooking = "guest_count" in each;
  return {
    kind: isBooking ? "booking" : "maintenance",
    id: each.id,
    assetId: each.asset_id,
    userId: isBooking ? each.user_id : null,
    title: each.title,
    start: each.start_date,
    end: each.end_date,
    status: each.status,
    version: each.version,
    guestCount: isBooking ? each.guest_count : null,
  };
}
