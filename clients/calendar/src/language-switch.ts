import { h } from "./dom";
import { chooseLanguage, language, speakingLanguages, t } from "./language";

const NAMES = { en: "English", es: "Español" } as const;

/** One button a language; `redraw` is called when another one is chosen. */
export function languageSwitch(redraw: () => void): HTMLElement {
  return h(
    "div",
    { class: "segmented small", role: "group", "aria-label": t().language },
    ...speakingLanguages.map((each) =>
      h(
        "button",
        {
          type: "button",
          lang: each,
          title: NAMES[each],
          "aria-label": NAMES[each],
          "aria-pressed": String(each === language()),
          on: {
            click: () => {
              if (each === language()) return;
              chooseLanguage(each);
              redraw();
            },
          },
        },
        each.toUpperCase(),
      ),
    ),
  );
}
