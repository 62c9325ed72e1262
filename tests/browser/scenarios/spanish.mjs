import assert from "node:assert/strict";
import { booking, dialog, notice, panama, press } from "../chromium.mjs";

export async function play({ open, api, organization, people, assets }) {
  await api("owner", "POST", `organizations/${organization}/rules`, {
    name: "Vuelos cortos",
    rule_type: "duration",
    conditions: { max_minutes: 120 },
    effect: "deny",
    asset_ids: [assets.helicopters.id],
  });
  const page = await open("member", { locale: "es-PA", refusals: ["422"] });
  assert.equal(await page.evaluate(() => document.documentElement.lang), "es");
  await page.getByRole("status").filter({ hasText: "En vivo" }).waitFor();
  await page.getByRole("button", { name: "Mes" }).waitFor();

  await press(page, "Nueva reserva");
  const form = dialog(page);
  await form.getByLabel("Activo").selectOption({ label: assets.helicopters.name });
  await form.getByLabel("Título").fill("A Contadora");
  await form.getByText("Las reglas no lo permiten:").waitFor();
  await press(form, "Reservar");
  const refusal = dialog(page);
  await refusal.getByRole("heading", { name: "Las reglas no lo permiten" }).waitFor();
  const words = await refusal.locator(".violations").textContent();
  assert.match(words, /Vuelos cortos/);
  assert.match(words, /2 horas|120 minutos/, "the rule's own sentence is Spanish too");
  await press(refusal.locator("footer"), "Cerrar");
  await page.keyboard.press("Escape");

  await api("manager", "POST", "reservations", {
    asset_id: assets.planes.id,
    title: "A Bogotá",
    start_date: panama(1, 8),
    end_date: panama(1, 20),
  });
  await notice(page, `${people.manager.name} reservó ${assets.planes.name}: A Bogotá`).waitFor();

  await press(page, "English");
  await page.getByRole("button", { name: "New booking" }).waitFor();
  await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
  await booking(page, "A Bogotá").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "New booking" }).waitFor();
}
