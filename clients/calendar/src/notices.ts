// Small messages at the edge, read out by screen readers, gone by themselves.

import { h, icon } from "./dom";
import { t } from "./language";

type Tone = "news" | "good" | "bad";

interface Action {
  label: string;
  run: () => void;
}

// Long enough to read two lines twice; what can be undone stays a little longer. Milliseconds.
const LIFE = 7_000;
const LIFE_WITH_ACTION = 12_000;
const MOST = 4;

const list = h("div", { class: "notices", role: "log", "aria-live": "polite", "aria-relevant": "additions" });

/** Where the messages appear; to be put into the page once. */
export const notices = (): HTMLElement => list;

/** Says something. @param signal Of what it is about: at its end the message goes, and after it none is shown. */
export function notify(signal: AbortSignal, text: string, tone: Tone = "good", action?: Action): void {
  if (signal.aborted) return;
  let timer = 0;
  const dismiss = () => {
    window.clearTimeout(timer);
    signal.removeEventListener("abort", dismiss);
    notice.remove();
  };
  const wait = () => {
    timer = window.setTimeout(dismiss, action ? LIFE_WITH_ACTION : LIFE);
  };
  const act = () => {
    dismiss();
    action?.run();
  };
  const notice = h(
    "div",
    {
      class: `notice notice-${tone}`,
      on: { pointerenter: () => window.clearTimeout(timer), pointerleave: wait },
    },
    h("p", {}, text),
    action && h("button", { type: "button", class: "link", on: { click: act } }, action.label),
    h(
      "button",
      { type: "button", class: "icon-button", "aria-label": t().close, on: { click: dismiss } },
      icon("close"),
    ),
  );
  // What was done before is old news; what can be undone is not.
  if (tone === "good" && !action) list.querySelector(".notice-good:not(:has(.link))")?.remove();
  signal.addEventListener("abort", dismiss);
  list.append(notice);
  while (list.childElementCount > MOST) list.firstElementChild?.remove();
  wait();
}
