import assert from "node:assert/strict";
import { booking, dialog, drag, notice, panama, pointOn, press } from "../chromium.mjs";

export async function play({ open, api, people, assets }) {
  const yacht = assets.watercraft;
  const taken = {
    asset_id: yacht.id,
    title: "Las Perlas",
    start_date: panama(2, 8),
    end_date: panama(2, 18),
  };
  await api("manager", "POST", "reservations", taken);
  const page = await open("member", { refusals: ["409"] });
  await booking(page, "Las Perlas").waitFor();

  await drag(page, await pointOn(page, yacht.name, 2, 2.5), await pointOn(page, yacht.name, 2, 9.5));
  await dialog(page).getByLabel("Title").fill("Sunset cruise");
  await dialog(page).getByText("The time is taken:").waitFor();
  await press(dialog(page), "Book");

  const conflict = dialog(page);
  await conflict.getByRole("heading", { name: "That time is taken" }).waitFor();
  await conflict.locator(".conflicts").getByText("Las Perlas").waitFor();
  await conflict.locator(".conflicts").getByText(people.manager.name).waitFor();
  const alternatives = conflict.locator(".alternatives button");
  const count = await alternatives.count();
  assert.ok(count >= 1 && count <= 3, `${count} alternatives`);
  await alternatives.first().click();

  await notice(page, "Booked: Sunset cruise").waitFor();
  await booking(page, "Sunset cruise").waitFor();
  assert.equal(await page.locator("dialog[open]").count(), 0, "the form is done too");
}
