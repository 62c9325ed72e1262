// The language of the page, and dates in it. A choice is kept for the next visit.

import { en, type Messages } from "./messages/en";
import { es } from "./messages/es";

export type Language = "en" | "es";

const KEY = "reservepty.language";
const MESSAGES: Record<Language, Messages> = { en, es };
const HOME = { en: "en-US", es: "es-PA" } as const;

function initial(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === "en" || kept === "es") return kept;
  return navigator.languages.find((each) => /^(en|es)\b/.test(each))?.startsWith("es") ? "es" : "en";
}

let current: Language = initial();

export const language = (): Language => current;
export const t = (): Messages => MESSAGES[current];
export const speakingLanguages: readonly Language[] = ["en", "es"];

export function chooseLanguage(chosen: Language): void {
  current = chosen;
  localStorage.setItem(KEY, chosen);
  document.documentElement.lang = chosen;
}

/** The browser's own variety of the language where it has one, for its order of day and month. */
export function locale(): string {
  return navigator.languages.find((each) => each.startsWith(current)) ?? HOME[current];
}

const DAY = { weekday: "short", day: "numeric", month: "short" } as const;
// Twenty-four hours in both languages: crews and captains read nothing else, and it takes half the room.
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

/** From when to when on the clock of `zone`, as short as it can be said. */
export function formatWhen(start: string, end: string, zone: string): string {
  return new Intl.DateTimeFormat(locale(), { ...DAY, ...TIME, timeZone: zone }).formatRange(
    new Date(start),
    new Date(end),
  );
}

/** Only the time of day. */
export function formatTime(instant: string | Date, zone: string): string {
  return new Intl.DateTimeFormat(locale(), { ...TIME, timeZone: zone }).format(new Date(instant));
}

/** A date of the browser's own clock. */
export function formatDate(date: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale(), options).format(date);
}

/** Days from a wall's date up to, not including, another's: for headings. */
export function formatDays(start: string, end: string, style: "day" | "range"): string {
  const first = new Date(`${start.slice(0, 10)}T00:00:00Z`);
  const last = new Date(Date.parse(`${end.slice(0, 10)}T00:00:00Z`) - 1);
  const options: Intl.DateTimeFormatOptions =
    style === "day" ? { ...DAY, year: "numeric" } : { day: "numeric", month: "short", year: "numeric" };
  return new Intl.DateTimeFormat(locale(), { ...options, timeZone: "UTC" }).formatRange(first, last);
}

/** `Anna, Ben and Carla`. */
export function formatList(items: readonly string[]): string {
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format(items);
}
