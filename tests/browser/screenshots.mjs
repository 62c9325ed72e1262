// Takes the pictures of the README from the demo data: `node screenshots.mjs <url> <folder>`.
import { booking, dialog, launch, notice, openPage, panama, pointOn, press } from "./chromium.mjs";

const [url, folder] = process.argv.slice(2);
const DESKTOP = { viewport: { width: 1200, height: 720 }, deviceScaleFactor: 1.5 };
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

const browser = await launch();

/** Somebody of the demo office, who looks at the calendar. */
async function enter(name, options) {
  const { page } = await openPage(browser, url, options);
  await page.getByRole("button", { name }).click();
  await page.locator(".connection-live").waitFor();
  return page;
}

async function book(page, asset, title, start, end) {
  await press(page, "New booking");
  const form = dialog(page);
  await form.getByLabel("Asset").selectOption({ label: asset });
  await form.getByLabel("Title").fill(title);
  await form.getByLabel("Starts").fill(start);
  await form.getByLabel("Ends").fill(end);
  await press(form, "Book");
  await form.waitFor({ state: "detached" });
}

/** What the clock in Panama shows, as a form takes it. */
const wall = (day, hour) =>
  new Date(Date.parse(panama(day, hour)) - 5 * 3_600_000).toISOString().slice(0, 16);

const take = (page, name) =>
  page.screenshot({ path: `${folder}/calendar-${name}.png`, animations: "disabled" });

const mariela = await enter("Mariela Chiari", DESKTOP);
await book(mariela, "Sunseeker Perla", "Guests from Houston", wall(4, 9), wall(6, 17));
await book(mariela, "Casa Contadora", "Crew's days off", wall(1, 15), wall(3, 11));

const mateo = await enter("Mateo Arosemena", DESKTOP);
await book(mateo, "Tribeca Loft", "Marathon", wall(1, 16), wall(4, 10));
await notice(mateo, "Booked: Marathon").getByRole("button", { name: "Close" }).click();
await book(mariela, "Airbus H145", "To Boquete", wall(4, 7), wall(5, 18));
await notice(mateo, "Mariela Chiari booked Airbus H145").waitFor();
await mateo.mouse.move(600, 700);
await take(mateo, "desktop");

// Over somebody else's day.
const from = await pointOn(mateo, "Gulfstream G280", 1, 12.5);
const to = await pointOn(mateo, "Gulfstream G280", 2, 11.5);
await mateo.mouse.move(from.x, from.y);
await mateo.mouse.down();
await mateo.mouse.move(to.x, to.y, { steps: 8 });
await mateo.mouse.up();
await dialog(mateo).getByLabel("Title").fill("Dinner in Medellín");
await press(dialog(mateo), "Book");
await dialog(mateo).locator(".alternatives button").first().waitFor();
await take(mateo, "conflict");
await mateo.keyboard.press("Escape");
await mateo.keyboard.press("Escape");

await mateo.context().setOffline(true);
await mateo.locator(".connection-offline").waitFor();
await take(mateo, "offline");

const phone = await enter("Mateo Arosemena", PHONE);
await booking(phone, "Birthday on the island").first().waitFor();
await take(phone, "phone");

await browser.close();
