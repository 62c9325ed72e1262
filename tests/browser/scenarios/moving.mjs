import assert from "node:assert/strict";
import { booking, boxOf, dialog, drag, frames, notice, panama, pointOn, press, until } from "../chromium.mjs";

export async function play({ open, api, people, assets }) {
  const plane = assets.planes;
  const trip = { asset_id: plane.id, title: "Trip", start_date: panama(2, 6), end_date: panama(2, 18) };
  const { id } = await api("member", "POST", "reservations", trip);
  const taken = { ...trip, title: "Other", start_date: panama(5, 0), end_date: panama(5, 18) };
  const other = await api("manager", "POST", "reservations", taken);
  const [page, watcher] = await Promise.all([open("member", { refusals: ["409"] }), open("manager")]);
  await Promise.all([booking(page, "Trip").waitFor(), booking(watcher, "Trip").waitFor()]);
  const hours = async () => {
    const found = await api("member", "GET", `reservations/${id}`);
    return [found.start_date, found.end_date].map(
      (time) => (Date.parse(time) - Date.parse(panama(0, 0))) / 3_600_000,
    );
  };

  // By its middle, a day later.
  await drag(page, await pointOn(page, plane.name, 2, 12), await pointOn(page, plane.name, 3, 12));
  await notice(page, "Saved: Trip").waitFor();
  assert.deepEqual(await hours(), [3 * 24 + 6, 3 * 24 + 18]);
  await notice(watcher, `${people.member.name} moved Trip`).waitFor();

  // By its end, six hours longer.
  const box = await boxOf(page, "Trip");
  const edge = { x: box.x + box.width - 3, y: box.y + box.height / 2 };
  const hour = (await pointOn(page, plane.name, 4, 0)).x - (await pointOn(page, plane.name, 3, 0)).x;
  await drag(page, edge, { x: edge.x + hour / 4, y: edge.y });
  await until(async () => (await hours())[1] === 4 * 24, "six hours longer");

  // Onto the other one: it is refused, and left where it was.
  await until(async () => (await boxOf(page, "Trip")).width > box.width + 10, "drawn longer");
  const before = await boxOf(page, "Trip");
  await drag(page, await pointOn(page, plane.name, 3, 12), await pointOn(page, plane.name, 5, 6));
  await dialog(page).getByRole("heading", { name: "That time is taken" }).waitFor();
  await press(dialog(page), "Leave it where it was");
  await until(async () => Math.abs((await boxOf(page, "Trip")).x - before.x) < 3, "back where it was");
  assert.deepEqual(await hours(), [3 * 24 + 6, 4 * 24]);

  // What is somebody else's does not move: not even the attempt is made, which the API would refuse.
  const attempts = [];
  page.on("request", (request) => request.method() === "PATCH" && attempts.push(request.url()));
  const theirs = await boxOf(page, "Other");
  await drag(page, await pointOn(page, plane.name, 5, 9), await pointOn(page, plane.name, 6, 9));
  await frames(page);
  assert.deepEqual(attempts, []);
  assert.deepEqual(await boxOf(page, "Other"), theirs);
  // As nothing else than whose it is keeps it: the member's own one moves by the same hand.
  await drag(page, await pointOn(page, plane.name, 3, 12), await pointOn(page, plane.name, 3, 18));
  await until(() => attempts.length === 1, "one's own is moved");
  assert.equal((await api("manager", "GET", `reservations/${other.id}`)).version, other.version);
}
