import assert from "node:assert/strict";
import { booking, dialog, notice, panama, press, until } from "../chromium.mjs";

export async function play({ open, api, assets }) {
  const page = await open("member", {
    refusals: ["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED", "ERR_FAILED"],
  });
  await page.evaluate(() => {
    window.seen = [];
    new MutationObserver(() => window.seen.push(document.documentElement.dataset.connection)).observe(
      document.documentElement,
      { attributeFilter: ["data-connection"] },
    );
  });
  await page.context().setOffline(true);
  await page.getByRole("status").filter({ hasText: "Offline" }).waitFor();

  // What is tried meanwhile fails with a word, and nothing is lost.
  await press(page, "New booking");
  await dialog(page).getByLabel("Title").fill("In vain");
  await press(dialog(page), "Book");
  await page.keyboard.press("Escape");
  await notice(page, "You are offline.").waitFor();

  for (const [day, title] of [
    [1, "Missed once"],
    [2, "Missed twice"],
  ]) {
    const time = { start_date: panama(day, 9), end_date: panama(day, 15) };
    await api("manager", "POST", "reservations", { asset_id: assets.residences.id, title, ...time });
  }
  assert.equal(await booking(page, "Missed once").count(), 0);

  await page.context().setOffline(false);
  await booking(page, "Missed twice").waitFor();
  await booking(page, "Missed once").waitFor();
  await page.locator(".connection-live").waitFor();
  await notice(page, "2 changes meanwhile").waitFor();
  await until(async () => (await page.evaluate(() => window.seen)).at(-1) === "live", "live again");
  assert.deepEqual(
    (await page.evaluate(() => window.seen)).filter((state, index, all) => state !== all[index - 1]),
    ["offline", "catching_up", "live"],
  );
}
