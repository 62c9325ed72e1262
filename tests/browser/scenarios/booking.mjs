import assert from "node:assert/strict";
import { booking, dialog, drag, notice, panama, pointOn, press } from "../chromium.mjs";

export async function play({ open, api, people, assets, organization }) {
  const [mine, theirs] = await Promise.all([open("member"), open("manager")]);
  const plane = assets.planes.name;
  await drag(mine, await pointOn(mine, plane, 2, 9.5), await pointOn(mine, plane, 2, 14.5));

  const form = dialog(mine);
  await form.getByText("Free, and confirmed at once.").waitFor();
  await form.getByLabel("Title").fill("To the islands");
  // It is marked for a moment only: looked for before it comes.
  const marked = theirs.locator(".ec-event.is-changed", { hasText: "To the islands" });
  await Promise.all([marked.waitFor(), press(form, "Book")]);
  await booking(mine, "To the islands").waitFor();
  await form.waitFor({ state: "detached" });

  const seen = booking(theirs, "To the islands");
  await seen.waitFor();
  await notice(theirs, `${people.member.name} booked ${plane}: To the islands`).waitFor();
  assert.ok(!(await seen.getAttribute("class")).includes("is-mine"));
  assert.ok((await booking(mine, "To the islands").getAttribute("class")).includes("is-mine"));
  assert.equal(await notice(mine, "booked planes").count(), 0, "one's own doing is no news");

  const { reservations } = await api(
    "member",
    "GET",
    `organizations/${organization}/calendar?from=${panama(0, 0)}&to=${panama(9, 0)}`,
  );
  assert.deepEqual(
    reservations.map(({ start_date, end_date }) => [Date.parse(start_date), Date.parse(end_date)]),
    [[Date.parse(panama(2, 9)), Date.parse(panama(2, 15))]],
    "what was drawn is what is booked",
  );

  await booking(mine, "To the islands").click();
  await press(dialog(mine), "Cancel booking");
  await dialog(mine).getByLabel("Reason").fill("Weather");
  await press(dialog(mine), "Cancel booking");
  await booking(theirs, "To the islands").waitFor({ state: "detached" });
  await notice(theirs, `${people.member.name} cancelled To the islands`).waitFor();
  await press(notice(mine, "Cancelled: To the islands"), "Undo");
  await booking(theirs, "To the islands").waitFor();
}
