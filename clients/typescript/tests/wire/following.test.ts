import { EventSource } from "eventsource";
import { afterEach, describe, expect, test } from "vitest";
import type { CalendarOptions } from "../../src/index.js";
import {
  apiOf,
  book,
  cancel,
  change,
  contents,
  fresh,
  openOffice,
  running,
  slot,
  tokenOf,
  Watched,
  WINDOW,
} from "./office.js";

const open: Watched[] = [];

function watch(
  options: Omit<CalendarOptions, "baseUrl" | "from" | "to"> & Partial<CalendarOptions>,
): Watched {
  const watched = new Watched({ baseUrl: running.bff, ...WINDOW, ...options });
  open.push(watched);
  return watched;
}

afterEach(() => {
  for (const watched of open.splice(0)) watched.calendar.close();
});

describe.each(["fetch", "eventsource"] as const)("over %s", (transport) => {
  test("what one does, another sees, and it is what a fresh fetch gives", async () => {
    const office = await openOffice();
    const member = apiOf(office.people.member);
    const first = await book(member, office.assets.planes, "First");
    const manager = watch({
      organizationId: office.id,
      token: tokenOf(office.people.manager),
      transport,
      EventSource,
    });
    await manager.live();
    expect(manager.titles).toEqual(["First"]);
    const second = await book(member, office.assets.planes, "Second");
    await change(member, first.id, { ...slot(), title: "First, later" });
    await change(member, second.id, { asset_id: office.assets.residences });
    const third = await book(member, office.assets.planes, "Third");
    await cancel(member, third.id);
    await book(member, office.assets.watercraft, "Last");
    await manager.shows("Last");
    expect(manager.changes).toEqual([
      "reservation_created Second",
      "reservation_updated First, later",
      "reservation_updated Second",
      "reservation_created Third",
      "reservation_canceled Third",
      "reservation_created Last",
    ]);
    const api = apiOf(office.people.manager);
    expect(contents(manager.calendar.snapshot)).toEqual(await fresh(api, office));
    expect(manager.errors).toEqual([]);
    expect(manager.states).toEqual(["live"]);
    const told = manager.updates.find((update) => update.kind === "change");
    expect(told?.change.sourceUserId).toBe(office.people.member);
  });
});
