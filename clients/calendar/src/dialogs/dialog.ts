// The frame of every dialog: the browser's own <dialog>, which keeps the focus, closes on Escape and gives the focus back.

import { h, icon } from "../dom";
import { t } from "../language";

export interface Dialog {
  readonly element: HTMLDialogElement;
  readonly body: HTMLElement;
  readonly footer: HTMLElement;
  readonly heading: HTMLElement;
  close(): void;
}

let count = 0;

/**
 * Opens a dialog; `closed` is called once, however it was closed.
 *
 * @param signal Of what it is about: at its end the dialog closes, and after it none is shown.
 */
export function openDialog(
  signal: AbortSignal,
  options: {
    title: string;
    class?: string;
    body?: (Node | null | false)[];
    footer?: (Node | null | false)[];
    closed?: () => void;
  },
): Dialog {
  const titleId = `dialog-${++count}`;
  const element = h("dialog", { class: `dialog ${options.class ?? ""}`, "aria-labelledby": titleId });
  const heading = h("h2", { id: titleId }, options.title);
  const close = () => element.close();
  const body = h("div", { class: "dialog-body" }, ...(options.body ?? []));
  const footer = h("footer", { class: "dialog-footer" }, ...(options.footer ?? []));
  element.append(
    h(
      "header",
      { class: "dialog-header" },
      heading,
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": t().close, on: { click: close } },
        icon("close"),
      ),
    ),
    body,
    footer,
  );
  element.addEventListener("click", (event) => {
    // Only the backdrop is outside of all that is in the dialog. What somebody has typed is not lost by a slip.
    const isBackdrop = event.target === element && !isInside(element, event);
    if (isBackdrop && !element.querySelector("form, textarea")) close();
  });
  const dialog = { element, body, footer, heading, close };
  if (signal.aborted) {
    // Whoever opens it has not got it yet.
    queueMicrotask(() => options.closed?.());
    return dialog;
  }
  signal.addEventListener("abort", close);
  element.addEventListener("close", () => {
    signal.removeEventListener("abort", close);
    element.remove();
    options.closed?.();
  });
  document.body.append(element);
  element.showModal();
  return dialog;
}

function isInside(element: HTMLElement, event: MouseEvent): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
}

export function button(
  label: string,
  kind: "primary" | "secondary" | "danger" | "quiet",
  click?: (button: HTMLButtonElement) => void,
): HTMLButtonElement {
  const element = h("button", { type: "button", class: `button ${kind}` }, label);
  if (click) element.addEventListener("click", () => click(element));
  return element;
}

/** Keeps a button from being pressed twice while its work is out. */
export async function busy(element: HTMLButtonElement, work: () => Promise<void>): Promise<void> {
  if (element.disabled) return;
  element.disabled = true;
  element.classList.add("is-busy");
  try {
    await work();
  } finally {
    element.disabled = false;
    element.classList.remove("is-busy");
  }
}

let fieldCount = 0;

/** A labelled control with a hint and a place for what is wrong with it. */
export function field<T extends HTMLElement>(
  label: string,
  control: T,
  hint?: string,
): { row: HTMLElement; control: T; fault: (text: string) => void } {
  const id = `field-${++fieldCount}`;
  control.id = id;
  const note = h("p", { class: "field-hint", id: `${id}-hint` }, hint ?? "");
  const fault = h("p", { class: "field-fault", id: `${id}-fault`, role: "alert" });
  control.setAttribute("aria-describedby", `${id}-hint ${id}-fault`);
  const row = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    hint ? note : null,
    fault,
  );
  return {
    row,
    control,
    fault: (text) => {
      fault.textContent = text;
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
  };
}
