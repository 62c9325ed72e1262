import assert from "node:assert/strict";
import { booking, dialog, notice, panama, press } from "../chromium.mjs";

export async function play({ open, api, assets }) {
  const seconds = (instant) => instant.replace(":00.000Z", ":42Z");
  const before = await api("member", "POST", "reservations", {
    asset_id: assets.planes.id,
    title: "Before",
    start_date: seconds(panama(2, 6)),
    end_date: seconds(panama(2, 18)),
    notes: "  as it was typed\n",
    guests: [{ name: "Acme, Inc.", email: null }],
  });
  const page = await open("member");
  await booking(page, "Before").click();
  await press(dialog(page), "Change");
  await dialog(page).getByLabel("Title").fill("After");
  await press(dialog(page), "Save");
  await notice(page, "Saved: After").waitFor();
  const after = await api("member", "GET", `reservations/${before.id}`);
  for (const key of ["start_date", "end_date", "notes"]) assert.equal(after[key], before[key], key);
  assert.deepEqual(after.guests, before.guests);
}
