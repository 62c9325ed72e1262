// Taking an asset out of service for a while.

import { ApiError } from "@reservepty/client";
import { type Resolution, reasonOf } from "../backend";
import { h } from "../dom";
import { t } from "../language";
import { notify } from "../notices";
import type { Store } from "../store";
import type { Wish } from "../wishes";
import { toInstant, zoneCity } from "../zones";
import { assetSelect, timeInput } from "./booking";
import { busy, button, field, openDialog } from "./dialog";
import { conflictList } from "./refusals";

export function openMaintenance(store: Store, wish: Wish): void {
  const zone = () => store.zoneOf(asset.control.value);
  const asset = field(t().asset, assetSelect(store, wish.assetId));
  const title = field(
    t().title,
    h("input", { type: "text", maxlength: 200, required: true, autocomplete: "off" }),
  );
  const start = field(t().starts, timeInput(toInstant(wish.start, zone()), zone()));
  const end = field(t().ends, timeInput(toInstant(wish.end, zone()), zone()));
  const clock = h("p", { class: "quiet-text" });
  const showClock = () => {
    clock.textContent = t().assetTime({ city: zoneCity(zone()) });
  };
  const trouble = h("div", { class: "trouble", role: "alert" });
  asset.control.addEventListener("change", showClock);
  showClock();

  const send = async (resolution?: Resolution) => {
    title.fault(title.control.value.trim() ? "" : t().required);
    start.fault(start.control.value ? "" : t().required);
    end.fault(
      !end.control.value ? t().required : end.control.value <= start.control.value ? t().endsBeforeStart : "",
    );
    const wrong = [title, start, end].find(({ control }) => control.hasAttribute("aria-invalid"));
    if (wrong) return wrong.control.focus();
    try {
      const window = await store.backend.schedule(asset.control.value, {
        title: title.control.value.trim(),
        start_date: toInstant(start.control.value, zone()),
        end_date: toInstant(end.control.value, zone()),
        ...(resolution ? { resolution } : {}),
      });
      dialog.close();
      notify(store.signal, t().done.scheduled(window));
    } catch (error) {
      if (
        error instanceof ApiError &&
        error.conflicts.length > 0 &&
        Array.isArray(error.details.resolutions)
      ) {
        const choice = (label: string, chosen: Resolution) =>
          button(label, "secondary", (element) => busy(element, () => send(chosen)));
        trouble.replaceChildren(
          h("h3", {}, t().maintenanceConflict),
          conflictList(error.conflicts, zone()),
          h("p", {}, t().maintenanceResolution),
          h(
            "div",
            { class: "row-actions" },
            choice(t().resolutionCancel, "cancel"),
            choice(t().resolutionKeep, "keep"),
          ),
        );
      } else {
        trouble.replaceChildren(h("p", {}, error instanceof ApiError ? reasonOf(error) : t().offlineAction));
      }
    }
  };

  const submit = h(
    "button",
    { type: "submit", class: "button primary", form: "maintenance-form" },
    t().schedule,
  );
  const form = h(
    "form",
    { id: "maintenance-form", class: "form", novalidate: true },
    asset.row,
    title.row,
    h("div", { class: "field-pair" }, start.row, end.row),
    clock,
    trouble,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(submit, () => send());
  });
  const dialog = openDialog(store.signal, {
    title: t().maintenanceTitle,
    class: "dialog-form",
    body: [form],
    footer: [button(t().cancelAction, "quiet", () => dialog.close()), submit],
  });
  title.control.focus();
}
