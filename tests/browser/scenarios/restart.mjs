import { booking, panama } from "../chromium.mjs";

export async function play({ open, api, ask, assets }) {
  const page = await open("member", {
    refusals: [
      "ERR_CONNECTION_REFUSED",
      "ERR_CONNECTION_RESET",
      "ERR_INCOMPLETE_CHUNKED_ENCODING",
      "ERR_EMPTY_RESPONSE",
      "502",
      "503",
    ],
  });
  await ask("kill the BFF");
  await page.locator(".connection-catching_up, .connection-offline").waitFor();
  await ask("book without the BFF");
  await ask("start the BFF");
  await booking(page, "Meanwhile").waitFor();
  await page.locator(".connection-live").waitFor();
  await api("manager", "POST", "reservations", {
    asset_id: assets.residences.id,
    title: "Afterwards",
    start_date: panama(1, 9),
    end_date: panama(1, 12),
  });
  await booking(page, "Afterwards").waitFor();
}
