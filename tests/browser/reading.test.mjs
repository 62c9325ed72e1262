// What the page's forms read back from their controls, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.mjs";

const { readTime, guestsText, readGuests, faultyEmail } = await load("reading");
const { toWall } = await load("zones");
const NEW_YORK = "America/New_York";

const given = (instant, zone = NEW_YORK) => ({ instant, zone, text: toWall(instant, zone).slice(0, 16) });

test("a time that nobody touches stays the instant that it is", () => {
  // The second half past one of that night, and a time with seconds.
  for (const instant of ["2031-11-02T06:30:00Z", "2031-06-01T09:15:42.5+00:00"]) {
    const time = given(instant);
    assert.equal(readTime(time.text, NEW_YORK, time), instant);
  }
});

test("on another asset the clock's face stays, with its seconds; typed anew it is what was typed", () => {
  const time = given("2031-06-01T13:15:42Z");
  assert.equal(readTime(time.text, "America/Panama", time), "2031-06-01T14:15:42.000Z");
  assert.equal(readTime("2031-06-01T10:00", NEW_YORK, time), "2031-06-01T14:00:00.000Z");
});

test("guests read back as who they are, a comma in a name or not", () => {
  const guests = [
    { name: "Acme, Inc.", email: null },
    { name: "Ben, Jr.", email: "ben@example.com" },
    { name: "Write to, ann@example", email: null },
  ];
  const text = guestsText(guests);
  assert.deepEqual(readGuests(text, guests), guests);
  assert.deepEqual(readGuests(`${text}\n\n Cara , cara@example.com `, guests), [
    ...guests,
    { name: "Cara", email: "cara@example.com" },
  ]);
  assert.deepEqual(readGuests("Delta, Inc.", []), [{ name: "Delta, Inc.", email: null }]);
});

test("what cannot be an email is said", () => {
  assert.equal(faultyEmail(readGuests("Ann, ann@example", [])), "ann@example");
  assert.equal(faultyEmail(readGuests("Ann, ann@example.com\nBen", [])), undefined);
});
