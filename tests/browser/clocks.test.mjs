// The page's arithmetic of clocks, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.mjs";

const { toWall, toInstant, shift, move, offsetText, zoneCity } = await load("zones");
const { usualTimes } = await load("wishes");
const NEW_YORK = "America/New_York";

test("an instant is what the clock of the zone shows, and back", () => {
  assert.equal(toWall("2031-03-09T06:59:00Z", NEW_YORK), "2031-03-09T01:59:00");
  assert.equal(toWall("2031-03-09T07:00:00Z", NEW_YORK), "2031-03-09T03:00:00");
  assert.equal(toWall("2031-07-01T04:00:00Z", NEW_YORK), "2031-07-01T00:00:00", "midnight is 00, not 24");
  for (const zone of ["America/Panama", NEW_YORK, "Asia/Kathmandu", "Pacific/Apia", "UTC"]) {
    for (let day = 0; day < 366; day += 1) {
      const instant = new Date(Date.UTC(2031, 0, 1 + day, 12)).toISOString();
      assert.equal(toInstant(toWall(instant, zone), zone), instant, `${instant} in ${zone}`);
    }
  }
});

test("a time that the clock skips is taken by the offset before it, one that comes twice is the first", () => {
  assert.equal(toInstant("2031-03-09T02:30", NEW_YORK), "2031-03-09T07:30:00.000Z");
  assert.equal(toInstant("2031-11-02T01:30", NEW_YORK), "2031-11-02T05:30:00.000Z");
});

test("a shift is one of the clock's face", () => {
  assert.equal(shift("2031-03-08T15:00:00", { days: 1, seconds: 3600 }), "2031-03-09T16:00:00");
  assert.equal(shift("2032-02-29T23:00:00", { seconds: 2 * 3600 }), "2032-03-01T01:00:00");
});

test("what is not moved stays the instant that it is, also where the clock shows it twice", () => {
  const second = "2031-11-02T06:30:00Z";
  assert.equal(move(second, { days: 0, seconds: 0 }, NEW_YORK, NEW_YORK), second);
  assert.equal(move(second, { days: 1 }, NEW_YORK, NEW_YORK), "2031-11-03T06:30:00.000Z");
  assert.equal(move(second, {}, NEW_YORK, "America/Panama"), "2031-11-02T06:30:00.000Z");
});

test("offsets and places are written as people know them", () => {
  assert.equal(offsetText(Date.UTC(2031, 0, 1), "America/St_Johns"), "-03:30");
  assert.equal(offsetText(Date.UTC(2031, 6, 1), "Asia/Kathmandu"), "+05:45");
  assert.equal(zoneCity("America/Argentina/Buenos_Aires"), "Buenos Aires");
});

test("a residence is offered from check-in to check-out, all else in office hours or as pointed at", () => {
  const house = { id: "house", section: "residences", check_in: "16:00", check_out: "10:00" };
  const plane = { id: "plane", section: "planes", check_in: null, check_out: null };
  const times = (...wish) => {
    const { start, end } = usualTimes(...wish);
    return [start, end];
  };
  const drawn = ["2031-03-09", "2031-03-12"];
  assert.deepEqual(times(house, ...drawn, true), ["2031-03-09T16:00:00", "2031-03-11T10:00:00"]);
  assert.deepEqual(times(house, drawn[0], null, true), ["2031-03-09T16:00:00", "2031-03-10T10:00:00"]);
  assert.deepEqual(times(plane, ...drawn, true), ["2031-03-09T09:00:00", "2031-03-11T17:00:00"]);
  assert.deepEqual(times(plane, "2031-03-09T23:15:00", null, false), [
    "2031-03-09T23:15:00",
    "2031-03-10T01:15:00",
  ]);
});
