import { afterEach, expect, onTestFinished, test } from "vitest";
import type { ApiError } from "../../src/index.js";
import {
  apiOf,
  ask,
  book,
  cancel,
  closeAll,
  contents,
  fresh,
  type Office,
  openOffice,
  running,
  tokenOf,
  type Watched,
  watch,
} from "./office.js";
import { Tunnel } from "./tunnel.js";

async function tunnelTo(target: string): Promise<Tunnel> {
  const tunnel = await Tunnel.to(target);
  onTestFinished(() => tunnel.close());
  return tunnel;
}

const TRANSPORTS = ["fetch", "eventsource"] as const;

afterEach(closeAll);

/** A calendar over each transport. */
async function both(office: Office, baseUrl: string, more = {}): Promise<Watched[]> {
  const token = tokenOf(office.people.member);
  const watched = TRANSPORTS.map((transport) =>
    watch({ baseUrl, organizationId: office.id, token, transport, ...more }),
  );
  await Promise.all(watched.map((each) => each.live()));
  return watched;
}

test("a connection that is cut goes on where it was, and tells nothing twice", async () => {
  const office = await openOffice();
  const tunnel = await tunnelTo(running.bff);
  const api = apiOf(office.people.owner);
  const calendars = await both(office, tunnel.url);
  await book(api, office.assets.planes, "Before");
  await Promise.all(calendars.map((each) => each.shows("Before")));
  tunnel.refuse();
  await Promise.all(calendars.map((each) => each.until(() => each.calendar.state === "offline")));
  const gone = await book(api, office.assets.planes, "Meanwhile");
  await cancel(api, gone.id);
  await book(api, office.assets.planes, "After");
  tunnel.accept();
  for (const each of calendars) {
    await each.shows("After");
    await each.live();
    expect(each.changes).toEqual([
      "reservation_created Before",
      "reservation_created Meanwhile",
      "reservation_canceled Meanwhile",
      "reservation_created After",
    ]);
    expect(each.snapshots).toBe(1);
    expect(each.states).toEqual(["catching_up", "live", "catching_up", "offline", "catching_up", "live"]);
    expect(contents(each.calendar.snapshot)).toEqual(await fresh(api, office));
  }
});

test("a connection that goes silent without a word is noticed, and another one opened", async () => {
  const office = await openOffice();
  const tunnel = await tunnelTo(running.frail);
  // Three of that server's heartbeats.
  const calendars = await both(office, tunnel.url, { timings: { silence: 1_500 } });
  const { taken } = tunnel;
  tunnel.stall();
  await book(apiOf(office.people.owner), office.assets.planes, "Unheard at first");
  for (const each of calendars) {
    await each.shows("Unheard at first");
    expect(each.changes).toEqual(["reservation_created Unheard at first"]);
  }
  expect(tunnel.taken).toBeGreaterThan(taken);
});

test("a server that is replaced says so; one that is killed does not; the calendar finds both again", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.owner);
  const calendars = await both(office, running.frail);
  await ask("/replace");
  await book(api, office.assets.planes, "After it was replaced");
  for (const each of calendars) {
    await each.shows("After it was replaced");
    await each.live();
  }
  await ask("/kill");
  await Promise.all(calendars.map((each) => each.until(() => each.calendar.state === "offline")));
  await book(api, office.assets.planes, "While it was dead");
  await ask("/start");
  for (const each of calendars) {
    await each.shows("While it was dead");
    await each.live();
    expect(each.snapshots).toBe(1);
    expect(contents(each.calendar.snapshot)).toEqual(await fresh(api, office));
  }
});

test("where no more streams are granted the calendar waits for as long as it is told, and asks again", async () => {
  const office = await openOffice();
  const base = { baseUrl: running.frail, organizationId: office.id, token: tokenOf(office.people.owner) };
  const open = [watch(base), watch(base), watch(base)];
  await Promise.all(open.map((each) => each.live()));
  const last = watch(base);
  await last.until(() => last.errors.length > 0);
  open[0]?.calendar.close();
  await last.live();
  // Told a time of its own each, from one second to five: on a busy machine it may ask once more before there is room.
  for (const { fatal, error } of last.errors) {
    expect(fatal).toBe(false);
    expect(error).toMatchObject({ status: 429, code: "RATE_LIMIT_EXCEEDED", details: { reason: "streams" } });
    expect([1, 2, 3, 4, 5]).toContain((error as ApiError).retryAfter);
  }
});

test("cut over and over in the middle of bookings, a calendar ends as a fresh one", async () => {
  const office = await openOffice();
  const tunnel = await tunnelTo(running.bff);
  const api = apiOf(office.people.owner);
  const calendars = await both(office, tunnel.url);
  const titles: string[] = [];
  for (let n = 0; n < 40; n += 1) {
    const made = await book(api, office.assets.planes, `Trip ${n}`);
    titles.push(`reservation_created Trip ${n}`);
    if (n % 3 === 0) {
      await cancel(api, made.id);
      titles.push(`reservation_canceled Trip ${n}`);
    }
    if (n % 5 < 4) continue;
    await Promise.all(calendars.map((each) => each.live()));
    tunnel.cut();
  }
  for (const each of calendars) {
    await each.shows("Trip 38");
    await each.until(() => each.changes.length >= titles.length);
    expect(each.changes).toEqual(titles);
    expect(each.snapshots).toBe(1);
    expect(contents(each.calendar.snapshot)).toEqual(await fresh(api, office));
  }
});
