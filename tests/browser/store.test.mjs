// What the page knows of an organisation, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.mjs";

const { Store } = await load("store");

test("of two answers about what waits, the one to the later question counts, whichever comes last", async () => {
  const answers = [];
  const backend = {
    assets: async () => [],
    members: async () => [],
    waiting: () => new Promise((resolve) => answers.push(resolve)),
  };
  const membership = { organizationId: "o1", name: "Office", timezone: "UTC", role: "manager" };
  const store = await Store.open(backend, {}, { user: { id: "u1" } }, membership);
  let told = 0;
  store.listen({
    waiting: () => {
      told += 1;
    },
  });
  const asked = [store.refreshWaiting(), store.refreshWaiting()];
  answers[1](["later"]);
  answers[0](["earlier"]);
  await Promise.all(asked);
  assert.deepEqual(store.waiting, ["later"]);
  assert.equal(told, 1);
});
