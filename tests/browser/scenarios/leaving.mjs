import assert from "node:assert/strict";
import { booking, dialog, drag, frames, notice, panama, pointOn, press, signIn } from "../chromium.mjs";

/** Has the page's next request of this method to bookings wait; resolves to it once it is out. */
function hold(page, method) {
  return new Promise((resolve) => {
    page.route("**/api/v1/reservations/**", (route) => {
      if (route.request().method() === method) resolve(route);
      else route.fallback();
    });
  });
}

/** Nothing but the sign-in screen, also once the page has done all that it had to do. */
async function assertAlone(page) {
  await page.getByLabel("Email").waitFor();
  await frames(page);
  assert.equal(await page.locator("dialog").count(), 0, "no dialog of the session before");
  assert.equal(await page.locator(".notice").count(), 0, "no message of the session before");
}

export async function play({ open, api, people, assets }) {
  const plane = assets.planes;
  const time = { start_date: panama(2, 6), end_date: panama(2, 18) };
  await api("member", "POST", "reservations", { asset_id: plane.id, title: "Trip", ...time });
  await api("member", "POST", "reservations", { asset_id: assets.residences.id, title: "Stay", ...time });
  const page = await open("member", { refusals: ["400", "401", "409"] });

  // What could be undone a moment ago is not offered to whoever comes next.
  await booking(page, "Stay").click();
  await press(dialog(page), "Cancel booking");
  await press(dialog(page), "Cancel booking");
  await notice(page, "Cancelled: Stay").waitFor();
  await press(page, "Sign out");
  await assertAlone(page);

  // An answer that comes after signing out opens nothing.
  await signIn(page, people.member.email, people.member.password);
  await booking(page, "Trip").waitFor();
  const moved = hold(page, "PATCH");
  await drag(page, await pointOn(page, plane.name, 2, 12), await pointOn(page, plane.name, 3, 12));
  const late = await moved;
  await press(page, "Sign out");
  await page.getByLabel("Email").waitFor();
  const conflicts = [{ kind: "reservation", title: "Other", ...time }];
  const error = {
    code: "CONFLICT",
    message: "Taken",
    timestamp: "",
    details: { conflicts, alternatives: [] },
  };
  await Promise.all([
    page.waitForResponse((response) => response.status() === 409),
    late.fulfill({ status: 409, json: { success: false, error, metadata: {} } }),
  ]);
  await assertAlone(page);
  await page.unrouteAll();

  // A session that ends takes the open dialog along.
  await signIn(page, people.member.email, people.member.password);
  await booking(page, "Trip").click();
  await press(dialog(page), "Cancel booking");
  await page.route("**/auth/v1/token?grant_type=refresh_token", (route) =>
    route.fulfill({ status: 400, json: {} }),
  );
  await page.route("**/api/v1/reservations/**", (route) => route.fulfill({ status: 401, json: {} }));
  await press(dialog(page), "Cancel booking");
  await page.getByRole("alert").filter({ hasText: "Your session has ended." }).waitFor();
  await assertAlone(page);
}
