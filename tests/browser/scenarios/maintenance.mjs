import assert from "node:assert/strict";
import { booking, dialog, notice, panama, press } from "../chromium.mjs";

export async function play({ open, api, people, assets }) {
  const yacht = assets.watercraft;
  const tomorrow = { start_date: panama(1, 8), end_date: panama(1, 12) };
  await api("member", "POST", "reservations", { asset_id: yacht.id, title: "Fishing", ...tomorrow });
  const [admin, member] = await Promise.all([open("admin", { refusals: ["409"] }), open("member")]);

  await press(admin, "Maintenance");
  await dialog(admin).getByLabel("Asset").selectOption({ label: yacht.name });
  await dialog(admin).getByLabel("Title").fill("New propellers");
  await press(dialog(admin), "Schedule");
  await dialog(admin).getByText("Bookings are in the way").waitFor();
  await dialog(admin).locator(".conflicts").getByText("Fishing").waitFor();
  await press(dialog(admin), "Keep them, around the bookings");
  await dialog(admin).waitFor({ state: "detached" });

  const window = booking(member, "New propellers");
  await window.waitFor();
  await notice(
    member,
    `${people.admin.name} scheduled maintenance of ${yacht.name}: New propellers`,
  ).waitFor();
  assert.match(
    await window.evaluate((element) => getComputedStyle(element).backgroundImage),
    /repeating-linear-gradient/,
  );
  await booking(member, "Fishing").waitFor();

  await booking(admin, "New propellers").click();
  await press(dialog(admin), "Cancel maintenance");
  await booking(member, "New propellers").waitFor({ state: "detached" });
}
