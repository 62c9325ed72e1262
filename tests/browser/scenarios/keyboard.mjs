import assert from "node:assert/strict";
import { booking, panama } from "../chromium.mjs";

export async function play({ openSignedOut, people, assets, organization, api }) {
  const page = await openSignedOut();
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const label =
        element.labels?.[0]?.textContent ?? element.getAttribute("aria-label") ?? element.textContent;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { label: label.trim(), ring: outlineStyle !== "none" && outlineWidth !== "0px" };
    });
  /** Tab after tab until the focus is there; whatever it passes shows that it has the focus. */
  async function tabTo(label) {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      const found = await focused();
      if (found.label !== "") assert.ok(found.ring, `the focus is seen on ${found.label}`);
      if (found.label === label || (label instanceof RegExp && label.test(found.label))) return;
    }
    throw new Error(`no tab leads to ${label}`);
  }

  await page.locator("input[type=email]").waitFor();
  await tabTo("Email");
  await page.keyboard.type(people.member.email);
  await tabTo("Password");
  await page.keyboard.type(people.member.password);
  await page.keyboard.press("Enter");
  await page.locator(".connection-live").waitFor();

  await tabTo("New booking");
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  assert.equal((await focused()).label, "Title");
  await page.keyboard.type("By keys");
  await page.keyboard.press("Shift+Tab");
  assert.equal((await focused()).label, "Asset");
  await page.keyboard.type(assets.watercraft.name);
  await tabTo("Starts");
  const [date, time] = panama(2, 3).split("T");
  const [year, month, day] = date.split("-");
  await page.keyboard.type(`${month}${day}${year}`);
  await page.keyboard.type("0300AM");
  await tabTo("Ends");
  await page.keyboard.type(`${month}${day}${year}`);
  await page.keyboard.type("0500AM");
  await page.keyboard.press("Enter");
  await booking(page, "By keys").waitFor();
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  assert.equal((await focused()).label, "New booking", "the focus is where it was");
  assert.ok(time);

  const { reservations } = await api(
    "member",
    "GET",
    `organizations/${organization}/calendar?from=${panama(0, 0)}&to=${panama(9, 0)}`,
  );
  assert.deepEqual(
    reservations.map(({ asset_id, start_date }) => [asset_id, Date.parse(start_date)]),
    [[assets.watercraft.id, Date.parse(panama(2, 3))]],
  );

  await tabTo(/^By keys/);
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").getByRole("heading", { name: "By keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  assert.match((await focused()).label, /^By keys/);
}
