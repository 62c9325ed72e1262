// Wall-clock times of an asset's zone, and the instants that they are. A "wall" is `YYYY-MM-DDTHH:mm:ss`, without a zone.

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(zone: string): Intl.DateTimeFormat {
  let found = clocks.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    clocks.set(zone, found);
  }
  return found;
}

/** What the clock in `zone` shows at an instant. */
export function toWall(instant: string | Date | number, zone: string): string {
  const parts: Record<string, string> = {};
  for (const { type, value } of clock(zone).formatToParts(new Date(instant))) parts[type] = value;
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`;
}

/** Milliseconds by which the clock in `zone` is ahead of UTC at an instant. */
export function offsetAt(instant: number, zone: string): number {
  const whole = Math.floor(instant / 1000) * 1000;
  return asUtc(toWall(whole, zone)) - whole;
}

/**
 * The instant at which the clock in `zone` shows `wall`: the first of two, and for a time that the clock skips what the
 * offset before makes of it (RFC 5545, 3.3.5), as the database does.
 */
export function toInstant(wall: string, zone: string): string {
  const utc = asUtc(wall);
  const [before, after] = [utc - DAY, utc + DAY].map((near) => utc - offsetAt(near, zone)) as [
    number,
    number,
  ];
  const shown = [before, after].filter((instant) => asUtc(toWall(instant, zone)) === utc);
  return new Date(Math.min(...(shown.length > 0 ? shown : [before]))).toISOString();
}

/** A wall read as if it were UTC: only good for arithmetic with other walls. */
export function asUtc(wall: string): number {
  return Date.parse(`${wall.length === 16 ? `${wall}:00` : wall}Z`);
}

/** The wall that many days and seconds later, on the clock's face. */
export function shift(wall: string, { days = 0, seconds = 0 }: { days?: number; seconds?: number }): string {
  return new Date(asUtc(wall) + days * DAY + seconds * 1000).toISOString().slice(0, 19);
}

/**
 * An instant that many days and seconds later on the clock's face, put on the clock of `to`. What is not moved stays the
 * instant that it is: a face shows some of them twice.
 */
export function move(
  instant: string,
  by: { days?: number; seconds?: number },
  from: string,
  to: string,
): string {
  if (from === to && !by.days && !by.seconds) return instant;
  return toInstant(shift(toWall(instant, from), by), to);
}

/** `±HH:MM` of a zone at an instant. */
export function offsetText(instant: number, zone: string): string {
  const minutes = Math.round(offsetAt(instant, zone) / MINUTE);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** The place that a zone is named after: `America/New_York` is `New York`. */
export function zoneCity(zone: string): string {
  return (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
