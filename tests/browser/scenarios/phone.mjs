import assert from "node:assert/strict";
import { booking, dialog, panama, press } from "../chromium.mjs";

export async function play({ open, api, assets }) {
  const long = "The very long title of a booking that somebody wrote in the plane, ".repeat(3).slice(0, 190);
  await api("manager", "POST", "reservations", {
    asset_id: assets.planes.id,
    title: long,
    start_date: panama(1, 8),
    end_date: panama(1, 20),
  });
  const page = await open("member", {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  await page.getByRole("list", { name: "Calendar" }).waitFor();
  await booking(page, long.slice(0, 60)).waitFor();
  assert.ok(await fits(), "nothing sticks out of the list");

  await page.getByRole("button", { name: "New booking" }).tap();
  await dialog(page).getByLabel("Title").fill("From the beach");
  await dialog(page).getByLabel("Asset").selectOption({ label: assets.watercraft.name });
  assert.ok(await fits(), "nothing sticks out of the form");
  await press(dialog(page), "Book");
  await booking(page, "From the beach").waitFor();

  for (const view of ["Day", "Week", "Month"]) {
    await page.getByRole("button", { name: view, exact: true }).tap();
    await page.getByText(assets.planes.name).first().waitFor();
    assert.ok(await fits(), `nothing sticks out of the ${view}`);
  }
}
