import assert from "node:assert/strict";
import { booking, dialog, notice, panama, press, requireApproval } from "../chromium.mjs";

export async function play({ open, api, organization, people, assets }) {
  const time = { start_date: panama(2, 6), end_date: panama(2, 18) };
  const trip = { asset_id: assets.planes.id, title: "First", ...time };
  const { id } = await api("member", "POST", "reservations", trip);
  const retitle = (title) => api("manager", "PATCH", `reservations/${id}`, { title });
  const page = await open("member", { refusals: ["412"] });
  const changed = `${people.manager.name} has just changed this booking.`;

  // What is looked at is what it is now.
  await booking(page, "First").click();
  await dialog(page).getByRole("button", { name: "Cancel booking" }).waitFor();
  await retitle("Second");
  await dialog(page).getByRole("heading", { name: "Second" }).waitFor();

  // So is what is about to be canceled, and it is said.
  await press(dialog(page), "Cancel booking");
  await dialog(page).getByText("Second ·").waitFor();
  await retitle("Third");
  await dialog(page).getByText("Third ·").waitFor();
  await dialog(page).getByText(changed).waitFor();

  // Changed on the way of the request, it is not canceled unseen.
  await page.route(
    `**/reservations/${id}/cancel`,
    async (route) => {
      await retitle("Fourth");
      await route.continue();
    },
    { times: 1 },
  );
  await press(dialog(page), "Cancel booking");
  await dialog(page).getByText("Fourth ·").waitFor();
  assert.equal((await api("member", "GET", `reservations/${id}`)).status, "approved");
  await press(dialog(page), "Cancel booking");
  await notice(page, "Cancelled: Fourth").waitFor();

  // Nobody approves what they have not seen.
  await requireApproval(api, organization, assets.residences);
  const stay = { asset_id: assets.residences.id, title: "Two guests", ...time };
  const asked = await api("member", "POST", "reservations", stay);
  const theirs = await open("manager");
  await booking(theirs, "Two guests").waitFor();
  await press(theirs, "1 waits for you");
  await press(dialog(theirs), "Approve");
  await dialog(theirs).getByLabel("A word about your decision").waitFor();
  await api("member", "PATCH", `reservations/${asked.id}`, { title: "Twelve guests" });
  await dialog(theirs).getByText(`${people.member.name} has just changed this booking.`).waitFor();
  assert.equal(await dialog(theirs).getByRole("button", { name: "Approve", exact: true }).count(), 0);
}
