import assert from "node:assert/strict";
import { booking, dialog, notice, panama, press } from "../chromium.mjs";

export async function play({ open, api, people, assets }) {
  const time = { start_date: panama(1, 6), end_date: panama(3, 18) };
  const { id } = await api("member", "POST", "reservations", {
    asset_id: assets.residences.id,
    title: "Birthday",
    ...time,
  });
  const page = await open("member", { refusals: ["412"] });
  const title = async () => (await api("member", "GET", `reservations/${id}`)).title;

  /** The member changes the title, and so does the manager before the member has saved. */
  async function clash(shown, mine, theirs) {
    await booking(page, shown).click();
    await press(dialog(page), "Change");
    await dialog(page).getByLabel("Title").fill(mine);
    await api("manager", "PATCH", `reservations/${id}`, { title: theirs });
    await dialog(page).getByText(`${people.manager.name} has just changed this booking.`).waitFor();
    await press(dialog(page), "Save");
    await dialog(page).getByRole("heading", { name: "Two people changed this booking" }).waitFor();
    const versions = await dialog(page).locator(".version").allInnerTexts();
    assert.equal(versions.length, 2);
    assert.match(versions[0], new RegExp(`^Mine[^]*${mine}`));
    assert.match(versions[1], new RegExp(`^Theirs · ${people.manager.name}[^]*${theirs}`));
  }

  await clash("Birthday", "Mine it is", "Theirs it is not");
  await press(dialog(page), "Keep mine");
  await notice(page, "Saved: Mine it is").waitFor();
  assert.equal(await title(), "Mine it is");

  await clash("Mine it is", "Mine it is not", "Theirs it is");
  await press(dialog(page), "Keep theirs");
  await notice(page, `The version of ${people.manager.name} stays.`).waitFor();
  await booking(page, "Theirs it is").waitFor();
  assert.equal(await title(), "Theirs it is");
  assert.equal(await page.locator("dialog[open]").count(), 0);
}
