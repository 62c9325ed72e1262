// The first screen: email and password, or one of the demo's people.

import { field } from "./dialogs/dialog";
import { h, icon } from "./dom";
import { t } from "./language";
import { languageSwitch } from "./language-switch";
import { type Session, SignInError } from "./session";

// Of supabase/seed.sql, where their password is public too; elsewhere these people do not exist.
const PASSWORD = "demo-reserve-2026";
const PEOPLE = [
  { name: "Olivia Arosemena", role: "owner", email: "owner@demo.reservepty.test" },
  { name: "Andrés Boyd", role: "admin", email: "admin@demo.reservepty.test" },
  { name: "Mariela Chiari", role: "manager", email: "manager@demo.reservepty.test" },
  { name: "Mateo Arosemena", role: "member", email: "member@demo.reservepty.test" },
  { name: "Vera Collins", role: "viewer", email: "viewer@demo.reservepty.test" },
] as const;

export function signInScreen(
  session: Session,
  options: { isExpired: boolean; done: () => void; redraw: () => void },
): HTMLElement {
  const email = field(t().email, h("input", { type: "email", required: true, autocomplete: "username" }));
  const password = field(
    t().password,
    h("input", { type: "password", required: true, autocomplete: "current-password" }),
  );
  const fault = h("p", { class: "form-fault", role: "alert" }, options.isExpired ? t().sessionExpired : "");
  const buttons: HTMLButtonElement[] = [];

  const enter = async (address: string, secret: string) => {
    fault.textContent = "";
    for (const each of buttons) each.disabled = true;
    try {
      await session.signIn(address, secret);
      options.done();
    } catch (error) {
      const isWrong = error instanceof SignInError && error.reason === "credentials";
      fault.textContent = isWrong ? t().badCredentials : t().unreachable;
    } finally {
      for (const each of buttons) each.disabled = false;
    }
  };

  const submit = h("button", { type: "submit", class: "button primary wide" }, t().signIn);
  const people = PEOPLE.map((person) => {
    const choose = h(
      "button",
      { type: "button", class: "person", on: { click: () => void enter(person.email, PASSWORD) } },
      h("span", { class: "initials", "aria-hidden": true }, initials(person.name)),
      h("span", {}, person.name),
      h("small", {}, t().roles[person.role]),
    );
    buttons.push(choose);
    return h("li", {}, choose);
  });
  buttons.push(submit);

  const form = h("form", { class: "form", novalidate: true }, email.row, password.row, fault, submit);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    email.fault(email.control.value ? "" : t().required);
    password.fault(password.control.value ? "" : t().required);
    const missing = [email, password].find(({ control }) => !control.value);
    if (missing) return missing.control.focus();
    void enter(email.control.value, password.control.value);
  });

  return h(
    "main",
    { class: "sign-in" },
    h(
      "div",
      { class: "sign-in-card" },
      h(
        "div",
        { class: "sign-in-head" },
        h("span", { class: "brand" }, icon("logo"), t().product),
        languageSwitch(options.redraw),
      ),
      h("h1", {}, t().tagline),
      form,
      h("h2", {}, t().demoAccounts),
      h("ul", { class: "people" }, ...people),
    ),
  );
}

export function initials(name: string): string {
  return name
    .split(/\s+/)
    .slice(0, 2)
    .map((part) => part.charAt(0).toUpperCase())
    .join("");
}
