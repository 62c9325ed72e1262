import { afterEach, describe, expect, test } from "vitest";
import { unwrap } from "../../src/index.js";
import {
  apiOf,
  ask,
  book,
  cancel,
  change,
  closeAll,
  contents,
  fresh,
  maintain,
  openOffice,
  slot,
  tokenOf,
  WINDOW,
  watch,
} from "./office.js";

afterEach(closeAll);

describe.each(["fetch", "eventsource"] as const)("over %s", (transport) => {
  test("what one does another sees, once and in order, and it is what a fresh fetch gives", async () => {
    const office = await openOffice();
    const member = apiOf(office.people.member);
    const first = await book(member, office.assets.planes, "First");
    const token = tokenOf(office.people.manager);
    const manager = watch({ organizationId: office.id, token, transport });
    await manager.live();
    expect(manager.titles).toEqual(["First"]);

    const second = await book(member, office.assets.planes, "Second");
    await change(member, first.id, { ...slot(), title: "First, later" });
    await change(member, second.id, { asset_id: office.assets.residences });
    const third = await book(member, office.assets.planes, "Third");
    await cancel(member, third.id);
    const check = await maintain(apiOf(office.people.admin), office.assets.helicopters, "Check");
    await ask("/delete", { reservation: second.id });
    await book(member, office.assets.watercraft, "Last");
    await manager.shows("Last");

    expect(manager.changes).toEqual([
      "reservation_created Second",
      "reservation_updated First, later",
      "reservation_updated Second",
      "reservation_created Third",
      "reservation_canceled Third",
      "maintenance_scheduled Check",
      "reservation_canceled Second",
      "reservation_created Last",
    ]);
    const api = apiOf(office.people.manager);
    expect(contents(manager.calendar.snapshot)).toEqual(await fresh(api, office));
    expect(manager.calendar.snapshot.maintenance.get(check.id)?.title).toBe("Check");
    expect(manager.states).toEqual(["catching_up", "live"]);
    expect(manager.errors).toEqual([]);
    const told = manager.updates.find((update) => update.kind === "change");
    expect(told?.change.sourceUserId).toBe(office.people.member);
  });

  test("a filtered calendar shows its sections and assets, also of what moves in and out", async () => {
    const office = await openOffice();
    const { planes, helicopters, residences } = office.assets;
    const member = apiOf(office.people.member);
    const stays = await book(member, planes, "Stays");
    const leaves = await book(member, helicopters, "Leaves");
    const token = tokenOf(office.people.member);
    const base = { organizationId: office.id, token, transport };
    const sections = watch({ ...base, sections: ["planes", "helicopters"] });
    const section = watch({ ...base, sections: ["residences"] });
    const asset = watch({ ...base, assetIds: [planes] });
    await Promise.all([sections.live(), section.live(), asset.live()]);
    expect(sections.titles.sort()).toEqual(["Leaves", "Stays"]);

    await change(member, leaves.id, { asset_id: residences });
    await section.shows("Leaves");
    await sections.lacks("Leaves");
    await change(member, stays.id, { asset_id: helicopters });
    await book(member, planes, "Last");
    await Promise.all([sections.shows("Last"), asset.shows("Last")]);

    expect(sections.titles.sort()).toEqual(["Last", "Stays"]);
    expect(asset.titles).toEqual(["Last"]);
    expect(contents(section.calendar.snapshot)).toEqual(
      await fresh(member, office, WINDOW, { section: "residences" }),
    );
    expect(contents(asset.calendar.snapshot)).toEqual(
      await fresh(member, office, WINDOW, { asset_id: [planes] }),
    );
    const left = sections.updates.find((update) => update.kind === "change");
    expect(left?.change).toMatchObject({ type: "reservation_canceled", reservation: null, reason: "moved" });
  });
});

test("a window shows what touches it, and bookings come and go as they are moved", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.owner);
  const march = { from: "2032-03-01T00:00:00Z", to: "2032-04-01T00:00:00Z" };
  const watched = watch({ organizationId: office.id, token: tokenOf(office.people.owner), ...march });
  await watched.live();
  const at = (start: string, end: string) => ({ start_date: start, end_date: end });
  const { planes } = office.assets;
  const early = await book(api, planes, "Ends as it begins", at("2032-02-29T20:00:00Z", march.from));
  const over = await book(api, planes, "Over the edge", at("2032-03-31T22:00:00Z", "2032-04-01T02:00:00Z"));
  const late = await book(
    api,
    planes,
    "Begins as it ends",
    at("2032-04-01T04:00:00Z", "2032-04-01T06:00:00Z"),
  );
  await watched.shows("Over the edge");
  await change(api, early.id, at("2032-02-29T20:00:00Z", "2032-03-01T00:00:01Z"));
  await watched.shows("Ends as it begins");
  await change(api, over.id, at(march.to, "2032-04-01T02:00:00Z"));
  await watched.lacks("Over the edge");
  await change(api, late.id, { title: "Nobody sees it" });
  await change(api, late.id, at("2032-03-31T23:00:00Z", march.to));
  await watched.shows("Nobody sees it");
  expect(contents(watched.calendar.snapshot)).toEqual(await fresh(api, office, march));
  expect(watched.changes).toHaveLength(4);
});

test("another window is fetched, and the same stream goes on where nothing happened meanwhile", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.owner);
  const february = { from: "2032-02-01T00:00:00Z", to: "2032-03-01T00:00:00Z" };
  await book(api, office.assets.planes, "In May", {
    start_date: "2032-05-01T10:00:00Z",
    end_date: "2032-05-01T12:00:00Z",
  });
  const watched = watch({ organizationId: office.id, token: tokenOf(office.people.owner), ...february });
  await watched.live();
  expect(watched.titles).toEqual([]);
  await watched.calendar.setWindow("2032-05-01T00:00:00Z", new Date("2032-06-01T00:00:00Z"));
  expect(watched.titles).toEqual(["In May"]);
  expect(watched.calendar.state).toBe("live");
  await expect(
    watched.calendar.setWindow("2032-05-01T00:00:00Z", "2039-01-01T00:00:00Z"),
  ).rejects.toMatchObject({
    status: 400,
    fields: [{ path: "to", code: "range_too_long" }],
  });
  await book(api, office.assets.planes, "In May too", {
    start_date: "2032-05-02T10:00:00Z",
    end_date: "2032-05-02T12:00:00Z",
  });
  await watched.shows("In May too");
  expect(watched.states).toEqual(["catching_up", "live"]);
});

test("windows that change in the middle of bookings lose nothing", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.owner);
  const watched = watch({ organizationId: office.id, token: tokenOf(office.people.owner) });
  await watched.live();
  const booking = (async () => {
    for (let n = 0; n < 20; n += 1) await book(api, office.assets.planes, `Trip ${n}`);
  })();
  const windows = [WINDOW, { from: "2032-02-01T00:00:00Z", to: "2032-03-01T00:00:00Z" }];
  for (let n = 0; n < 8; n += 1) {
    const { from, to } = windows[n % 2] ?? WINDOW;
    await watched.calendar.setWindow(from, to);
  }
  await watched.calendar.setWindow(WINDOW.from, WINDOW.to);
  await booking;
  await watched.shows("Trip 19");
  expect(contents(watched.calendar.snapshot)).toEqual(await fresh(api, office));
});

test("a listener that fails does not stop the others, and one that left is told nothing", async () => {
  const office = await openOffice();
  const token = tokenOf(office.people.owner);
  const watched = watch({ organizationId: office.id, token });
  let left = 0;
  watched.calendar.subscribe(() => {
    left += 1;
  })();
  await watched.live();
  expect(left).toBe(0);
  watched.calendar.close();
  expect(watched.states).toEqual(["catching_up", "live", "closed"]);
  await expect(watched.calendar.setWindow(WINDOW.from, WINDOW.to)).resolves.toBeUndefined();
});

test("many changes at once come all, and in order", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.owner);
  const watched = watch({ organizationId: office.id, token: tokenOf(office.people.viewer) });
  await watched.live();
  const body = {
    asset_id: office.assets.planes,
    title: "Series",
    start_date: "2032-07-01T10:00:00Z",
    end_date: "2032-07-01T11:00:00Z",
    rrule: "FREQ=DAILY;COUNT=60",
  };
  unwrap(await api.POST("/api/v1/series", { body }));
  await watched.until(() => watched.changes.length === 60, "sixty bookings");
  expect(contents(watched.calendar.snapshot)).toEqual(await fresh(api, office));
});
