import { press, signIn } from "../chromium.mjs";

export async function play({ openSignedOut, people }) {
  const page = await openSignedOut({}, ["400"]);
  await page.getByLabel("Email").fill(people.member.email);
  await page.getByLabel("Password").fill("not the password");
  await press(page, "Sign in");
  await page.getByRole("alert").filter({ hasText: "do not go together" }).waitFor();
  await signIn(page, people.member.email, people.member.password);

  // A tab that is loaded again is still signed in.
  await page.reload();
  await page.locator(".connection-live").waitFor();

  // A session whose token ends, and which Auth does not renew, asks who one is.
  await page.evaluate(() => {
    const kept = JSON.parse(sessionStorage.getItem("reservepty.session"));
    sessionStorage.setItem(
      "reservepty.session",
      JSON.stringify({ ...kept, expires_at: 0, refresh_token: "gone" }),
    );
  });
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "Your session has ended." }).waitFor();
  await signIn(page, people.member.email, people.member.password);
  await press(page, "Sign out");
  await page.getByLabel("Email").waitFor();
}
