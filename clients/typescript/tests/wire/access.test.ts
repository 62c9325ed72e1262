import { afterAll, describe, expect, test } from "vitest";
import { ApiError } from "../../src/index.js";
import {
  apiOf,
  ask,
  book,
  closeAll,
  contents,
  fresh,
  freshTokens,
  openOffice,
  sign,
  tokenOf,
  watch,
} from "./office.js";

afterAll(closeAll);

// They wait for tokens to end, side by side.
describe.concurrent.each(["fetch", "eventsource"] as const)("over %s", (transport) => {
  test("when the token ends soon, another stream takes over with a new one: no gap, and nothing twice", async () => {
    const office = await openOffice();
    const api = apiOf(office.people.owner);
    // The server says `reauth` a minute before the end: here a moment after the beginning.
    const token = freshTokens(office.people.member, 62);
    const watched = watch({ organizationId: office.id, token, transport });
    await watched.live();
    token.lifetime = 3_600;
    const made: string[] = [];
    // Bookings all along, until well after the change.
    while (token.rejected === 0 || made.length < 30) {
      const title = `Trip ${made.length}`;
      await book(api, office.assets.planes, title);
      made.push(`reservation_created ${title}`);
    }
    await watched.until(() => watched.changes.length >= made.length);
    expect(watched.changes).toEqual(made);
    expect(watched.states).toEqual(["catching_up", "live"]);
    expect(watched.snapshots).toBe(1);
    expect(watched.errors).toEqual([]);
    expect(contents(watched.calendar.snapshot)).toEqual(await fresh(api, office));
  });

  test("where no other token is to be had, the stream goes on to the end of its own, and then tells", async () => {
    const office = await openOffice();
    const last = await sign(office.people.member, 4);
    const watched = watch({ organizationId: office.id, token: () => last, transport });
    await watched.live();
    await book(apiOf(office.people.owner), office.assets.planes, "Still seen");
    await watched.shows("Still seen");
    await watched.until(() => watched.calendar.state === "closed");
    expect(watched.errors.at(-1)).toMatchObject({
      fatal: true,
      error: { status: 401, code: "UNAUTHORIZED" },
    });
  });

  test("who wakes with an expired token asks for another one, and goes on", async () => {
    const office = await openOffice();
    const expired = await sign(office.people.member, -60);
    const good = await sign(office.people.member);
    let rejected: string | undefined;
    const token = (refused?: string) => {
      rejected ??= refused;
      return rejected === undefined ? expired : good;
    };
    const watched = watch({ organizationId: office.id, token, transport });
    await watched.live();
    expect(rejected).toBe(expired);
    expect(watched.errors).toEqual([]);
  });

  test("another tier's sections are a reset: what is shown is fetched anew, and changes go on", async () => {
    const office = await openOffice();
    const api = apiOf(office.people.owner);
    await book(api, office.assets.planes, "In the air");
    await book(api, office.assets.residences, "At home");
    const watched = watch({ organizationId: office.id, token: tokenOf(office.people.member), transport });
    await watched.live();
    expect(watched.titles.sort()).toEqual(["At home", "In the air"]);
    await ask("/restrict", { tier: office.tier, sections: ["planes"] });
    await watched.lacks("At home");
    await watched.live();
    await book(api, office.assets.residences, "Unseen");
    await book(api, office.assets.planes, "Seen");
    await watched.shows("Seen");
    expect(watched.titles.sort()).toEqual(["In the air", "Seen"]);
    await ask("/restrict", { tier: office.tier, sections: null });
    await watched.shows("Unseen");
    await watched.live();
    expect(contents(watched.calendar.snapshot)).toEqual(await fresh(apiOf(office.people.member), office));
  });

  test("who is no member any more is told so, and the calendar is closed", async () => {
    const office = await openOffice();
    const watched = watch({ organizationId: office.id, token: tokenOf(office.people.member), transport });
    await watched.live();
    await ask("/dismiss", { organization: office.id, user: office.people.member });
    await watched.until(() => watched.calendar.state === "closed");
    expect(watched.errors).toMatchObject([{ fatal: true, error: { status: 403, code: "ACCESS_REVOKED" } }]);
  });

  test("where a second factor is asked for, it says so and is closed", async () => {
    const office = await openOffice();
    await ask("/demand_mfa", { organization: office.id });
    const watched = watch({ organizationId: office.id, token: tokenOf(office.people.member), transport });
    await watched.until(() => watched.calendar.state === "closed");
    expect(watched.errors).toMatchObject([{ fatal: true, error: { status: 403, code: "MFA_REQUIRED" } }]);
  });

  test("a calendar that is not mine is closed with 404, and a window too long with 400", async () => {
    const office = await openOffice();
    const other = await openOffice();
    const token = tokenOf(other.people.owner);
    const foreign = watch({ organizationId: office.id, token, transport });
    await foreign.until(() => foreign.calendar.state === "closed");
    expect(foreign.errors).toMatchObject([{ fatal: true, error: { status: 404, code: "NOT_FOUND" } }]);
    const long = watch({ organizationId: other.id, token, transport, to: "2039-01-01T00:00:00Z" });
    await long.until(() => long.calendar.state === "closed");
    expect(long.errors).toMatchObject([{ fatal: true, error: { status: 400, code: "VALIDATION_ERROR" } }]);
    expect(foreign.errors[0]?.error).toBeInstanceOf(ApiError);
  });
});
