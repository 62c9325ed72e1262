// Plays scenarios in one Chromium. Reads lines of JSON: {"scenario", …what it has to know} plays one. Writes lines of
// JSON: {"ask": …} wants something done that only the harness can do, and waits for a line as the answer; {"played": true}
// or {"failed": …, "pictures": […]} ends a scenario. What a page's console called an error is a failure too.
import { createInterface } from "node:readline";
import { launch, openPage, signIn } from "./chromium.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function nextLine() {
  const { done, value } = await lines.next();
  return done ? null : JSON.parse(value);
}

function stageOf(browser, opened, { url, people, organization, assets }) {
  const stage = {
    people,
    organization,
    assets,

    /** Somebody's own browser, signed in. `refusals`: the answers it will get, which Chromium logs as errors. */
    async open(who, { refusals = [], ...options } = {}) {
      const page = await stage.openSignedOut(options, refusals, who);
      await signIn(page, people[who].email, people[who].password);
      return page;
    },

    async openSignedOut(options = {}, refusals = [], who = "nobody") {
      const { page, errors } = await openPage(browser, url, options);
      opened.push({ who, page, errors, refusals });
      return page;
    },

    /** A call of the API as somebody who does not look at the page. */
    async api(who, method, path, body) {
      const headers = { Authorization: `Bearer ${people[who].token}`, "Content-Type": "application/json" };
      const response = await fetch(`${url}/api/v1/${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
      });
      const answer = await response.json();
      if (!response.ok)
        throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer.error)}`);
      return answer.data;
    },

    /** Has the harness do something; resolves when it is done. */
    async ask(what) {
      say({ ask: what });
      await nextLine();
    },
  };
  return stage;
}

const isExpected = (error, refusals) =>
  refusals.some((refusal) => error.startsWith("Failed to load resource") && error.includes(refusal));

async function perform(browser, wanted) {
  const opened = [];
  const failures = [];
  try {
    const { play } = await import(`./scenarios/${wanted.scenario}.mjs`);
    await play(stageOf(browser, opened, wanted));
  } catch (error) {
    failures.push(error.stack ?? String(error));
  }
  for (const { who, errors, refusals } of opened) {
    const unexpected = errors.filter((error) => !isExpected(error, refusals));
    failures.push(...unexpected.map((error) => `console of ${who}: ${error}`));
  }
  const pictures = failures.length > 0 ? await photograph(opened, wanted) : [];
  await Promise.all(opened.map(({ page }) => page.context().close()));
  say(failures.length > 0 ? { failed: failures.join("\n"), pictures } : { played: true });
}

async function photograph(opened, { scenario, folder }) {
  const pictures = [];
  for (const [index, { who, page }] of opened.entries()) {
    const path = `${folder}/${scenario}-${index + 1}-${who}.png`;
    await page.screenshot({ path });
    pictures.push(path);
  }
  return pictures;
}

const browser = await launch();
for (let wanted = await nextLine(); wanted; wanted = await nextLine()) await perform(browser, wanted);
await browser.close();
