// Elements without a framework. Text is always text: nothing here parses HTML.

type Child = Node | string | number | null | undefined | false;
type Props = {
  class?: string;
  on?: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }>;
  [attribute: string]: unknown;
};

/** An element: attributes by name (false and undefined leave one out, true is an empty one), listeners in `on`. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(value as object))
        element.addEventListener(type, listener);
    } else if (value !== undefined && value !== null && value !== false) {
      // ARIA's booleans are words; HTML's are there or not.
      element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
    }
  }
  element.append(
    ...children.filter(isShown).map((child) => (typeof child === "number" ? String(child) : child)),
  );
  return element;
}

function isShown(child: Child): child is Node | string | number {
  return child !== null && child !== undefined && child !== false && child !== "";
}

const PATHS = {
  logo: "M4 17h16M6 12h8M11 7h9",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 13l4.5 4.5L19 7",
  clock: "M12 7v5l3 2M12 3a9 9 0 100 18 9 9 0 000-18z",
  person: "M12 12a4 4 0 100-8 4 4 0 000 8zM4.5 20c1-4 4-6 7.5-6s6.5 2 7.5 6",
  wrench: "M14.5 6.5a4 4 0 00-5 5L4 17l3 3 5.5-5.5a4 4 0 005-5l-2.5 2.5-2.5-.5-.5-2.5z",
  exit: "M14 4H6v16h8M11 12h10M17 8l4 4-4 4",
  warning: "M12 4L2.5 20h19zM12 10v4M12 17v.5",
  planes: "M3 13l18-7-6 14-3-6zM12 14l3-3",
  helicopters:
    "M4 5h14M11 5v4M5 13c0-3 3-4 6-4 4 0 6 2 6 5H9c-3 0-4 0-4-1zM17 12h4v-2M8 18h8M10 14v4M14 14v4",
  residences: "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
  watercraft: "M3 16h18l-3 4H6zM12 3v10M12 4l6 9h-6",
} as const;

export type IconName = keyof typeof PATHS;

/** A small line drawing that says nothing to a screen reader: the text beside it does. */
export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
