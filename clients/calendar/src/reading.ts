// What the controls of a form hold, read back: what nobody has touched is what it was, whatever a control can show of it.

import type { Draft } from "./backend";
import { toInstant, toWall } from "./zones";

// What the API takes for an email address.
const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

type Guest = Draft["guests"][number];

/** A time as a control was given it, and the text that the control made of it: without seconds, and without an offset. */
export interface GivenTime {
  instant: string;
  zone: string;
  text: string;
}

/** The instant that `text` is in `zone`. */
export function readTime(text: string, zone: string, given: GivenTime): string {
  if (text !== given.text) return toInstant(text, zone);
  return zone === given.zone ? given.instant : toInstant(toWall(given.instant, given.zone), zone);
}

const lineOf = ({ name, email }: Guest) => (email ? `${name}, ${email}` : name);

export const guestsText = (guests: readonly Guest[]): string => guests.map(lineOf).join("\n");

/** One guest a line; a line that was given is the guest that it was given for. */
export function readGuests(text: string, given: readonly Guest[]): Guest[] {
  const known = new Map(given.map((guest) => [lineOf(guest), guest]));
  return text
    .split("\n")
    .map((line) => known.get(line) ?? readGuest(line))
    .filter(({ name, email }) => name !== "" || email !== null);
}

/** A comma may be part of a name: what follows the last one is an email only if it looks like it. */
function readGuest(line: string): Guest {
  const comma = line.lastIndexOf(",");
  const email = line.slice(comma + 1).trim();
  if (comma < 0 || !email.includes("@")) return { name: line.trim(), email: null };
  return { name: line.slice(0, comma).trim(), email };
}

/** The first email that the API would not take. */
export function faultyEmail(guests: readonly Guest[]): string | undefined {
  return guests.map(({ email }) => email).find((email) => email !== null && !EMAIL.test(email)) ?? undefined;
}
