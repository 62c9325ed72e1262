// The few calls that the page makes, each one line around the typed client.

import type { components } from "@reservepty/client";
import { type Api, type ApiError, idempotencyKey, ifMatch, unwrap } from "@reservepty/client";

type Schemas = components["schemas"];
export type Asset = Schemas["Asset"];
export type Member = Schemas["Member"];
export type Me = Schemas["Me"];
export type Reservation = Schemas["Reservation"];
export type Maintenance = Schemas["Maintenance"];
export type Approval = Schemas["ListedApproval"];
export type Preview = Schemas["Preview"];
export type Conflict = Schemas["Conflict"];
export type Slot = Schemas["Slot"];
export type Violation = Schemas["Violation"];
export type Section = Asset["section"];
export type Role = Member["role"];

// The API's largest page.
const PAGE_SIZE = 100;

/** What a booking form holds. */
export interface Draft {
  asset_id: string;
  title: string;
  start_date: string;
  end_date: string;
  guest_count: number | null;
  notes: string | null;
  guests: { name: string; email: string | null }[];
}

export interface Override {
  rule_ids: string[];
  reason: string;
}

export type Changes = Partial<Draft> & { override?: Override };
export type Resolution = "cancel" | "keep";

export interface MaintenanceDraft {
  title: string;
  start_date: string;
  end_date: string;
  resolution?: Resolution;
}

export class Backend {
  constructor(private readonly api: Api) {}

  async me(): Promise<Me> {
    return unwrap(await this.api.GET("/api/v1/me"));
  }

  assets(org: string): Promise<Asset[]> {
    return everyPage(async (page) => {
      const query = { page, pageSize: PAGE_SIZE, sort: "name" as const };
      const result = await this.api.GET("/api/v1/organizations/{org}/assets", {
        params: { path: { org }, query },
      });
      return { items: unwrap(result), more: result.data?.pagination.hasNext ?? false };
    });
  }

  members(org: string): Promise<Member[]> {
    return everyPage(async (page) => {
      const query = { page, pageSize: PAGE_SIZE };
      const result = await this.api.GET("/api/v1/organizations/{org}/members", {
        params: { path: { org }, query },
      });
      return { items: unwrap(result), more: result.data?.pagination.hasNext ?? false };
    });
  }

  async waiting(org: string): Promise<readonly Approval[]> {
    const query = { scope: "mine" as const, status: "pending" as const, pageSize: PAGE_SIZE };
    return unwrap(
      await this.api.GET("/api/v1/organizations/{org}/approvals", { params: { path: { org }, query } }),
    );
  }

  async preview(draft: Draft, signal: AbortSignal): Promise<Preview> {
    return unwrap(await this.api.POST("/api/v1/reservations/preview", { body: draft, signal }));
  }

  /** `key`: the same for each attempt at the same booking, so that a lost answer never books twice. */
  async book(draft: Draft, key: string, override?: Override): Promise<Reservation> {
    const body = override ? { ...draft, override } : draft;
    return unwrap(
      await this.api.POST("/api/v1/reservations", { body, params: { header: idempotencyKey(key) } }),
    );
  }

  async reservation(id: string): Promise<Reservation> {
    return unwrap(await this.api.GET("/api/v1/reservations/{id}", { params: { path: { id } } }));
  }

  async change(id: string, version: number, changes: Changes): Promise<Reservation> {
    const params = { path: { id }, header: ifMatch(version) };
    return unwrap(await this.api.PATCH("/api/v1/reservations/{id}", { params, body: changes }));
  }

  async cancel(id: string, version: number, reason: string | null): Promise<Reservation> {
    const params = { path: { id }, header: ifMatch(version) };
    return unwrap(await this.api.POST("/api/v1/reservations/{id}/cancel", { params, body: { reason } }));
  }

  async restore(id: string): Promise<Reservation> {
    return unwrap(await this.api.POST("/api/v1/reservations/{id}/restore", { params: { path: { id } } }));
  }

  async decide(id: string, decision: "approve" | "reject", notes: string | null): Promise<Reservation> {
    const params = { path: { id } };
    return unwrap(
      await this.api.POST("/api/v1/reservations/{id}/decision", { params, body: { decision, notes } }),
    );
  }

  async schedule(asset: string, draft: MaintenanceDraft): Promise<Maintenance> {
    const params = { path: { id: asset } };
    return unwrap(await this.api.POST("/api/v1/assets/{id}/maintenance", { params, body: draft }));
  }

  async cancelMaintenance(id: string, version: number): Promise<void> {
    const params = { path: { id }, header: ifMatch(version) };
    unwrap(await this.api.DELETE("/api/v1/maintenance/{id}", { params }));
  }
}

async function everyPage<T>(
  read: (page: number) => Promise<{ items: readonly T[]; more: boolean }>,
): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; ; page += 1) {
    const { items, more } = await read(page);
    all.push(...items);
    if (!more) return all;
  }
}

/** What an error says to people: of each faulty field, or of the whole. */
export function reasonOf(error: ApiError): string {
  return error.fields.map(({ message }) => message).join(" ") || error.message;
}
