import assert from "node:assert/strict";
import { booking, dialog, drag, notice, pointOn, press, requireApproval, until } from "../chromium.mjs";

export async function play({ open, api, organization, people, assets }) {
  await requireApproval(api, organization, assets.residences);
  const [mine, theirs] = await Promise.all([open("member"), open("manager")]);
  const house = assets.residences.name;
  await drag(mine, await pointOn(mine, house, 1, 15.5), await pointOn(mine, house, 3, 10.5));
  await dialog(mine).getByText("would have to approve it").waitFor();
  await dialog(mine).getByLabel("Title").fill("Cousins");
  await press(dialog(mine), "Book");
  await notice(mine, "It waits for approval.").waitFor();

  const look = async (page) => {
    const bar = booking(page, "Cousins");
    const [text, style] = await Promise.all([
      bar.textContent(),
      bar.evaluate((element) => {
        const { backgroundColor, borderTopStyle } = getComputedStyle(element);
        return { backgroundColor, borderTopStyle };
      }),
    ]);
    return { text, ...style };
  };
  await booking(mine, "Cousins").waitFor();
  const pending = await look(mine);
  assert.match(pending.text, /Pending/);
  assert.equal(pending.borderTopStyle, "dashed", "not by colour alone");

  await booking(theirs, "Cousins").waitFor();
  await press(theirs, "1 waits for you");
  await press(dialog(theirs), "Approve");
  await dialog(theirs).getByLabel("A word about your decision").fill("With pleasure");
  await press(dialog(theirs), "Approve");
  await notice(mine, `${people.manager.name} approved Cousins`).waitFor();
  const approved = await until(async () => {
    const now = await look(mine);
    return now.text.includes("Approved") && now;
  }, "approved");
  assert.notEqual(approved.backgroundColor, pending.backgroundColor);
  assert.equal(approved.borderTopStyle, "solid");
  await theirs.locator(".waiting-button").waitFor({ state: "hidden" });
}
