import assert from "node:assert/strict";
import { booking, dialog, drag, panama, pointOn } from "../chromium.mjs";

export async function play({ open, api, assets }) {
  const time = { start_date: panama(2, 0), end_date: panama(2, 20) };
  const made = await api("member", "POST", "reservations", {
    asset_id: assets.planes.id,
    title: "Trip",
    ...time,
  });
  const page = await open("viewer");
  await booking(page, "Trip").waitFor();
  assert.equal(await page.getByRole("button", { name: "New booking" }).count(), 0);
  assert.equal(await page.getByRole("button", { name: "Maintenance" }).count(), 0);

  await drag(
    page,
    await pointOn(page, assets.planes.name, 2, 10),
    await pointOn(page, assets.planes.name, 4, 10),
  );
  await drag(
    page,
    await pointOn(page, assets.residences.name, 2, 10),
    await pointOn(page, assets.residences.name, 4, 10),
  );
  await booking(page, "Trip").click();
  await dialog(page).getByText("Approved").waitFor();
  assert.equal(await dialog(page).locator("footer button").count(), 0);
  assert.equal((await api("member", "GET", `reservations/${made.id}`)).version, made.version);
}
