import { describe, expect, test } from "vitest";
import { applyEvent, type CalendarChange, type CalendarSnapshot, type Reservation } from "../../src/index.js";
import { compareInstants, isWithin, toSnapshot } from "../../src/snapshot.js";
import { booking, WINDOW } from "./server.js";

const holding = (...reservations: Reservation[]): CalendarSnapshot =>
  toSnapshot(WINDOW, { reservations, maintenance: [], cursor: "c0" });

function told(
  type: "reservation_created" | "reservation_updated" | "reservation_canceled",
  reservation: Reservation | null,
  previousState: Reservation | null = null,
): CalendarChange {
  return { type, reservation, previousState, timestamp: "", sourceUserId: null, cursor: "c1" };
}

const ids = (snapshot: CalendarSnapshot) => [...snapshot.reservations.keys()];
const inMay = { start_date: "2032-05-01T10:00:00Z", end_date: "2032-05-01T12:00:00Z" };

test("a change makes another snapshot, and leaves the one before as it was", () => {
  const before = holding(booking("a"));
  const after = applyEvent(before, told("reservation_created", booking("b")));
  expect(ids(before)).toEqual(["a"]);
  expect(ids(after)).toEqual(["a", "b"]);
  expect([before.cursor, after.cursor]).toEqual(["c0", "c1"]);
  expect(after.maintenance).toBe(before.maintenance);
});

test.each([
  [
    "is canceled",
    told("reservation_canceled", booking("a", { status: "canceled", version: 2 }), booking("a")),
  ],
  ["moves out of sight", { ...told("reservation_canceled", null, booking("a")), reason: "moved" as const }],
  [
    "moves out of the window",
    told("reservation_updated", booking("a", { ...inMay, version: 2 }), booking("a")),
  ],
  ["is deleted by hand", told("reservation_canceled", booking("a"), booking("a"))],
])("a booking that %s is taken out", (_, change) => {
  expect(ids(applyEvent(holding(booking("a"), booking("b")), change))).toEqual(["b"]);
});

test.each([
  ["begins outside of the window", told("reservation_created", booking("x", inMay))],
  ["was never shown", told("reservation_canceled", booking("x", { status: "canceled" }), booking("x"))],
  ["is older than what is shown", told("reservation_updated", booking("a", { title: "old", version: 1 }))],
  ["left before what is shown came back", told("reservation_canceled", null, booking("a", { version: 1 }))],
  ["says nothing", told("reservation_canceled", null, null)],
])("a change that %s leaves the bookings as they are, and moves the cursor", (_, change) => {
  const before = holding(booking("a", { version: 3 }));
  const after = applyEvent(before, change);
  expect(after.reservations).toBe(before.reservations);
  expect(after.cursor).toBe("c1");
});

test("maintenance is scheduled, changed and canceled the same way", () => {
  const window = { ...booking("m"), status: "scheduled" as const };
  const change = { previousState: null, timestamp: "", sourceUserId: null, cursor: "c1" };
  let snapshot = applyEvent(holding(), { ...change, type: "maintenance_scheduled", maintenance: window });
  expect(snapshot.maintenance.get("m")?.title).toBe("m");
  const later = { ...window, title: "later", version: 2 };
  snapshot = applyEvent(snapshot, { ...change, type: "maintenance_updated", maintenance: later });
  expect(snapshot.maintenance.get("m")?.title).toBe("later");
  const gone = { ...later, status: "canceled" as const, version: 3 };
  snapshot = applyEvent(snapshot, { ...change, type: "maintenance_canceled", maintenance: gone });
  expect(snapshot.maintenance.size).toBe(0);
});

describe("the window is half open, to the microsecond", () => {
  test.each([
    ["2032-02-01T00:00:00Z", "2032-03-01T00:00:00Z", false],
    ["2032-02-01T00:00:00Z", "2032-03-01T00:00:00.000001Z", true],
    ["2032-03-31T23:59:59.999999Z", "2032-04-02T00:00:00Z", true],
    ["2032-04-01T00:00:00Z", "2032-04-02T00:00:00Z", false],
    ["2032-01-01T00:00:00Z", "2032-12-31T00:00:00Z", true],
  ])("%s to %s: %s", (start_date, end_date, within) => {
    expect(isWithin(WINDOW, booking("a", { start_date, end_date }))).toBe(within);
  });

  test("its bounds may have an offset", () => {
    const panama = { from: "2032-03-01T00:00:00-05:00", to: "2032-03-02T00:00:00-05:00" };
    const late = booking("a", { start_date: "2032-03-02T04:59:00Z", end_date: "2032-03-02T06:00:00Z" });
    expect(isWithin(panama, late)).toBe(true);
    expect(isWithin(panama, { ...late, start_date: "2032-03-02T05:00:00Z" })).toBe(false);
  });

  test("times are compared, not their texts", () => {
    expect(compareInstants("2032-03-01T00:00:00.5Z", "2032-03-01T00:00:00.499999Z")).toBeGreaterThan(0);
    expect(compareInstants("2032-03-01T00:00:00.10Z", "2032-03-01T00:00:00.1Z")).toBe(0);
    expect(compareInstants("2032-03-01T05:00:00Z", "2032-03-01T00:00:00-05:00")).toBe(0);
    expect(compareInstants("2032-03-01T00:00:05Z", "2032-03-01T00:00:00Z", 5)).toBe(0);
  });
});
