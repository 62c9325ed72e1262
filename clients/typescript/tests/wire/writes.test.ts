import { expect, test } from "vitest";
import { ApiError, createApi, idempotencyKey, ifMatch, unwrap } from "../../src/index.js";
import { apiOf, book, change, openOffice, running, slot, tokenOf } from "./office.js";

async function refusal(act: Promise<unknown>): Promise<ApiError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

test("a taken time names what stands in the way, and what is free instead", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.member);
  const made = await book(api, office.assets.planes, "First");
  const { start_date, end_date } = made;
  const error = await refusal(book(api, office.assets.planes, "Second", { start_date, end_date }));
  expect([error.status, error.code]).toEqual([409, "CONFLICT"]);
  expect(error.conflicts).toMatchObject([{ kind: "reservation", id: made.id, title: "First" }]);
  expect(error.alternatives.length).toBeGreaterThan(0);
  const [alternative] = error.alternatives;
  if (alternative === undefined) throw new Error("no alternative");
  await expect(book(api, office.assets.planes, "Second", alternative)).resolves.toMatchObject({
    title: "Second",
  });
});

test("an edit against an edit has the present state, and leaves it", async () => {
  const office = await openOffice();
  const mine = apiOf(office.people.member);
  const made = await book(mine, office.assets.planes, "Ours");
  await change(apiOf(office.people.owner), made.id, { title: "Theirs" });
  const params = { path: { id: made.id }, header: ifMatch(made.version) };
  const error = await refusal(
    mine.PATCH("/api/v1/reservations/{id}", { params, body: { title: "Mine" } }).then(unwrap),
  );
  expect([error.status, error.code]).toEqual([412, "PRECONDITION_FAILED"]);
  const current = error.current();
  expect(current).toMatchObject({ id: made.id, title: "Theirs", version: made.version + 1 });
  const again = { path: { id: made.id }, header: ifMatch(current?.version ?? 0) };
  const changed = unwrap(
    await mine.PATCH("/api/v1/reservations/{id}", { params: again, body: { title: "Mine" } }),
  );
  expect(changed.title).toBe("Mine");
});

test("the same key books once", async () => {
  const office = await openOffice();
  const api = apiOf(office.people.member);
  const params = { header: idempotencyKey() };
  const body = { asset_id: office.assets.planes, title: "Once", ...slot() };
  const send = async () => unwrap(await api.POST("/api/v1/reservations", { params, body }));
  const [first, second] = [await send(), await send()];
  expect(second.id).toBe(first.id);
});

test("rules are named with what is to be worded, and wrong fields with their path", async () => {
  const office = await openOffice();
  const owner = apiOf(office.people.owner);
  const path = { org: office.id };
  const body = { rule_type: "duration" as const, name: "Short trips", conditions: { max_minutes: 60 } };
  const made = await owner.POST("/api/v1/organizations/{org}/rules", {
    params: { path },
    body,
  });
  unwrap(made);
  const broken = await refusal(book(apiOf(office.people.member), office.assets.planes, "Long"));
  expect([broken.status, broken.code]).toEqual([422, "RULE_VIOLATION"]);
  expect(broken.violations).toMatchObject([{ ruleName: "Short trips", effect: "deny" }]);
  const wrong = await refusal(book(owner, office.assets.planes, ""));
  expect([wrong.status, wrong.fields[0]?.path]).toEqual([400, "title"]);
});

test("messages come in the language that is asked for", async () => {
  const office = await openOffice();
  const token = tokenOf(office.people.member);
  const spanish = createApi({ baseUrl: running.bff, token, language: () => "es" });
  const made = await book(spanish, office.assets.planes, "Primera");
  const { start_date, end_date } = made;
  const error = await refusal(book(spanish, office.assets.planes, "Segunda", { start_date, end_date }));
  const english = createApi({ baseUrl: running.bff, token, language: () => "en" });
  const same = await refusal(book(english, office.assets.planes, "Second", { start_date, end_date }));
  expect(error.message).not.toBe(same.message);
  expect(error.code).toBe(same.code);
});
