// Whose tokens the page holds, whatever Auth answers and when; without a browser.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { load } from "./modules.mjs";

const { Session } = await load("session");
const KEY = "reservepty.session";
const CONFIG = { supabaseUrl: "http://auth.test", supabasePublishableKey: "key" };

let kept;
/** What was asked of Auth and waits for its answer; signing out is answered at once. */
let asked;

globalThis.sessionStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};
globalThis.fetch = (url) =>
  url.includes("/logout")
    ? Promise.resolve(new Response(null, { status: 204 }))
    : new Promise((resolve) => asked.push(resolve));

beforeEach(() => {
  kept = new Map();
  asked = [];
});

const granted = (name) =>
  Response.json({ access_token: name, refresh_token: `${name} again`, expires_in: 3600, user: { id: name } });
const refused = () => Response.json({}, { status: 400 });

/** A session whose token has ended. */
function stale(name) {
  kept.set(
    KEY,
    JSON.stringify({ access_token: name, refresh_token: `${name} again`, expires_at: 0, user: {} }),
  );
  return new Session(CONFIG);
}

const expired = { reason: "expired" };

test("a refresh that is answered after signing out signs nobody in again", async () => {
  const session = stale("anna");
  const late = session.token();
  session.signOut();
  asked[0](granted("anna 2"));
  await assert.rejects(late, expired);
  assert.equal(session.isOpen, false);
  assert.equal(kept.has(KEY), false);
});

test("who signs in next gets no token of the one before, and is not signed out by their end", async () => {
  for (const answer of [() => granted("anna 2"), refused]) {
    asked = [];
    const session = stale("anna");
    let ends = 0;
    session.ended = () => {
      ends += 1;
    };
    const late = session.token();
    session.signOut();
    const entered = session.signIn("ben@example.com", "secret");
    asked[1](granted("ben"));
    await entered;
    const renewed = session.token("ben");
    asked[0](answer());
    await assert.rejects(late, expired);
    assert.equal(JSON.parse(kept.get(KEY)).access_token, "ben");
    asked[2](granted("ben 2"));
    assert.equal(await renewed, "ben 2");
    assert.equal(await session.token(), "ben 2");
    assert.equal(ends, 0);
  }
});

test("those who ask at the same time share one refresh; one that is refused ends the session once", async () => {
  const session = stale("anna");
  let ends = 0;
  session.ended = () => {
    ends += 1;
  };
  const both = [session.token(), session.token()];
  assert.equal(asked.length, 1);
  asked[0](granted("anna 2"));
  assert.deepEqual(await Promise.all(both), ["anna 2", "anna 2"]);
  const others = [session.token("anna 2"), session.token("anna 2")];
  asked[1](refused());
  for (const each of others) await assert.rejects(each, expired);
  assert.equal(ends, 1);
  assert.equal(session.isOpen, false);
});

test("what is kept and cannot be read is no session", () => {
  for (const text of ["{", "null", "7", '"text"', '{"access_token":1}']) {
    kept.set(KEY, text);
    assert.equal(new Session(CONFIG).isOpen, false, text);
  }
});
