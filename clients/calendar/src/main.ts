// Which screen is shown: signing in, loading, the calendar, or what went wrong.

import "./styles/app.css";
import { ApiError, createApi } from "@reservepty/client";
import { Backend, type Me } from "./backend";
import { h, icon } from "./dom";
import { chooseLanguage, language, t } from "./language";
import { notices } from "./notices";
import { type Config, Session, SignInError } from "./session";
import { Shell } from "./shell";
import { signInScreen } from "./sign-in";
import { type Membership, membershipsOf, Store } from "./store";

const ORGANIZATION_KEY = "reservepty.organization";

const app = document.getElementById("app") as HTMLElement;
let store: Store | null = null;
let shell: Shell | null = null;
/** Whatever is loaded for a screen that is not wanted any more must not appear. */
let turn = 0;

async function start(): Promise<void> {
  chooseLanguage(language());
  document.body.append(notices());
  loading();
  let config: Config;
  try {
    const response = await fetch("/calendar/config.json");
    if (!response.ok) throw new Error(String(response.status));
    config = (await response.json()) as Config;
  } catch {
    return failed(t().unreachable, () => location.reload());
  }
  const session = new Session(config);
  session.ended = () => void leave(session, true);
  if (session.isOpen) await enter(session);
  else await leave(session, false);
}

async function leave(session: Session, isExpired: boolean): Promise<void> {
  turn += 1;
  await closeStore();
  const draw = () =>
    show(signInScreen(session, { isExpired, done: () => void enter(session), redraw: draw }));
  draw();
}

/** Who is signed in, then their organisation: the one of last time, if it is still theirs. */
async function enter(session: Session): Promise<void> {
  const mine = ++turn;
  loading();
  const connection = { baseUrl: location.origin, token: session.token, language };
  const backend = new Backend(createApi(connection));
  try {
    const me = await backend.me();
    if (mine !== turn) return;
    const memberships = membershipsOf(me);
    const kept = sessionStorage.getItem(ORGANIZATION_KEY);
    const membership = memberships.find(({ organizationId }) => organizationId === kept) ?? memberships[0];
    if (!membership) {
      const again = () => void enter(session);
      return failed(t().noOrganizationHint, again, signOutButton(session), t().noOrganization);
    }
    await openOrganization(session, backend, me, membership);
  } catch (error) {
    if (mine === turn) wentWrong(error, session);
  }
}

/** Shows it, or what went wrong with it. */

async function openOrganization(
  session: Session,
  backend: Backend,
  me: Me,
  membership: Membership,
): Promise<void> {
  const mine = ++turn;
  await closeStore();
  loading();
  const connection = { baseUrl: location.origin, token: session.token, language };
  let opened: Store;
  try {
    opened = await Store.open(backend, connection, me, membership);
  } catch (error) {
    if (mine === turn) wentWrong(error, session);
    return;
  }
  if (mine !== turn) return;
  sessionStorage.setItem(ORGANIZATION_KEY, membership.organizationId);
  store = opened;
  draw();

  function draw(date?: string): void {
    void shell?.close();
    shell = new Shell(
      opened,
      {
        memberships: membershipsOf(me),
        switchTo: (chosen) => void openOrganization(session, backend, me, chosen),
        signOut: () => {
          session.signOut();
          void leave(session, false);
        },
        redraw: draw,
        failed: (error) => wentWrong(error, session),
      },
      date,
    );
    show(shell.element);
  }
}

async function closeStore(): Promise<void> {
  store?.close();
  await shell?.close();
  store = null;
  shell = null;
}

function wentWrong(error: unknown, session: Session): void {
  // The session's end has its own screen.
  if (error instanceof SignInError && error.reason === "expired") return;
  const isRevoked = error instanceof ApiError && error.code === "ACCESS_REVOKED";
  const message = isRevoked ? t().accessRevoked : error instanceof ApiError ? error.message : t().unreachable;
  const mine = ++turn;
  void closeStore().then(() => {
    if (mine === turn) failed(message, () => void enter(session), signOutButton(session));
  });
}

function signOutButton(session: Session): HTMLElement {
  const signOut = () => {
    session.signOut();
    void leave(session, false);
  };
  return h("button", { type: "button", class: "button quiet", on: { click: signOut } }, t().signOut);
}

function show(screen: HTMLElement): void {
  app.replaceChildren(screen);
}

function loading(): void {
  const row = () =>
    h(
      "div",
      { class: "skeleton-row" },
      h("span", { class: "skeleton-name" }),
      h("span", { class: "skeleton-bar" }),
    );
  show(
    h(
      "main",
      { class: "loading", "aria-busy": true },
      h("p", { role: "status" }, t().loading),
      h("div", { class: "skeleton", "aria-hidden": true }, ...Array.from({ length: 8 }, row)),
    ),
  );
}

function failed(message: string, retry: () => void, more?: HTMLElement, heading = t().loadFailed): void {
  const again = h("button", { type: "button", class: "button primary", on: { click: retry } }, t().retry);
  show(
    h(
      "main",
      { class: "failure" },
      icon("warning"),
      h("h1", {}, heading),
      h("p", { role: "alert" }, message),
      h("div", { class: "row-actions" }, again, more),
    ),
  );
  again.focus();
}

void start();
