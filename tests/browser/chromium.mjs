// A real Chromium, and the calendar's page in it as a person uses it.
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

// A cold page on two busy cores; what a healthy one takes is a tenth. Milliseconds.
const PATIENCE = 15_000;

// The package's own flags are a lambda's: all in one process, and no web security, which is among what is tested here.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"];

export async function launch() {
  const executablePath = await chromium.executablePath();
  // It brings a font along, so that pictures look the same wherever they are taken.
  const env = { ...process.env, FONTCONFIG_PATH: join(tmpdir(), "fonts") };
  return playwright.launch({ executablePath, args: FLAGS, headless: true, env });
}

/** A browser of somebody's own: cookies, storage and network apart from all others. `errors` is what its console said. */
export async function openPage(browser, baseURL, options = {}) {
  const context = await browser.newContext({
    baseURL,
    locale: "en-US",
    timezoneId: "America/Panama",
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error.stack ?? error)));
  await page.goto("/calendar");
  return { context, page, errors };
}

export async function signIn(page, email, password) {
  await page.locator("input[type=email]").fill(email);
  await page.locator("input[type=password]").fill(password);
  await page.locator("form button[type=submit]").click();
  await page.locator(".connection-live").waitFor();
}

/** The drawn booking with this title. */
export const booking = (page, title) =>
  page.locator(".ec-event:not(.ec-preview):not(.ec-ghost)", { hasText: title });

/**
 * The middle of an asset's row at a time of the shown days.
 *
 * `day` counts the shown days from 0, `hour` is a fraction of it.
 */
export async function pointOn(page, asset, day, hour) {
  return page.evaluate(
    ({ asset, day, hour }) => {
      const heads = [...document.querySelectorAll(".ec-body .ec-row-head")];
      const row = heads.findIndex((head) => head.querySelector(".asset-label strong")?.textContent === asset);
      const columns = document.querySelectorAll(".ec-header .ec-col-head").length;
      const cell = document.querySelectorAll(".ec-body .ec-day")[row * columns + day];
      if (row < 0 || !cell) throw new Error(`no row of ${asset}, or no day ${day}`);
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
      const box = cell.getBoundingClientRect();
      return { x: box.left + (box.width * hour) / 24, y: box.top + box.height / 2 };
    },
    { asset, day, hour },
  );
}

/** With the mouse from one point to another, in steps as a hand makes them. */
export async function drag(page, from, to) {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 8, from.y, { steps: 3 });
  await page.mouse.move(to.x, to.y, { steps: 8 });
  await page.mouse.up();
}

/** The instant at which it is `hour` o'clock in Panama, where there is no summer time, `day` days from today. */
export function panama(day, hour) {
  const today = new Intl.DateTimeFormat("en-CA", { timeZone: "America/Panama" }).format(new Date());
  return new Date(Date.parse(`${today}T05:00:00Z`) + (day * 24 + hour) * 3_600_000).toISOString();
}

/** Lets the page do and draw what it has to. */
export const frames = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Where a booking is drawn, once it is. */
export const boxOf = (page, title) => until(() => booking(page, title).boundingBox(), `${title} is drawn`);

/** What the page says at its edge. */
export const notice = (page, text) => page.locator(".notice", { hasText: text });

/** The open dialog; of several, the one on top. */
export const dialog = (page) => page.locator("dialog[open]").last();

/** A press on a button by the name that a screen reader would say. */
export const press = (scope, name) => scope.getByRole("button", { name, exact: true }).click();

/** Waits until `probe` answers something true, and returns that. */
export async function until(probe, what) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** From now on somebody has to agree to whatever is booked of this asset. */
export const requireApproval = (api, organization, asset) =>
  api("owner", "POST", `organizations/${organization}/rules`, {
    name: "Guests are agreed on",
    rule_type: "custom",
    conditions: { description: "Somebody makes sure that the cook is there." },
    effect: "require_approval",
    asset_ids: [asset.id],
    approval_type: "any_approver",
  });
