// What somebody wishes to book, before they have said all of it.

import type { Asset } from "./backend";
import { shift } from "./zones";

/** Times are walls of the asset's zone. */
export interface Wish {
  assetId: string;
  start: string;
  end: string;
}

// What a click is taken for. Seconds.
const A_WHILE = 2 * 3600;

/**
 * The usual times of an asset: a residence from its check-in to its check-out, all else in office hours.
 *
 * @param start A wall or a date; its time of day counts only where `isDays` is false and the asset is no residence.
 * @param end The day after the last one, or null for one day (or one night).
 */
export function usualTimes(asset: Asset, start: string, end: string | null, isDays: boolean): Wish {
  const day = start.slice(0, 10);
  const last = end ? shift(midnight(end), { days: -1 }).slice(0, 10) : day;
  if (asset.section === "residences") {
    const out = last > day ? last : shift(midnight(day), { days: 1 }).slice(0, 10);
    return {
      assetId: asset.id,
      start: `${day}T${asset.check_in ?? "15:00"}:00`,
      end: `${out}T${asset.check_out ?? "11:00"}:00`,
    };
  }
  if (!isDays) return { assetId: asset.id, start, end: shift(start, { seconds: A_WHILE }) };
  return { assetId: asset.id, start: `${day}T09:00:00`, end: `${last}T17:00:00` };
}

function midnight(wall: string): string {
  return `${wall.slice(0, 10)}T00:00:00`;
}
