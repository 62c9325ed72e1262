import { afterEach, expect, test, vi } from "vitest";
import { environment } from "../../src/environment.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A window and its document, as far as they are listened to. */
function stubBrowser() {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  vi.stubGlobal("document", document);
  return { window, document };
}

test("a browser says when it is online, offline, and looked at again", () => {
  const { window, document } = stubBrowser();
  const told: string[] = [];
  const leave = environment.watch((event) => told.push(event));
  window.dispatchEvent(new Event("offline"));
  window.dispatchEvent(new Event("online"));
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  expect(told).toEqual(["offline", "online", "visible"]);
  leave();
  window.dispatchEvent(new Event("offline"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(told).toHaveLength(3);
});

test("only a browser that says so is offline", () => {
  vi.stubGlobal("navigator", { onLine: false });
  expect(environment.isOnline()).toBe(false);
  vi.stubGlobal("navigator", { onLine: true });
  expect(environment.isOnline()).toBe(true);
  vi.stubGlobal("navigator", undefined);
  expect(environment.isOnline()).toBe(true);
});

test("a server has nothing to say", () => {
  const leave = environment.watch(() => {
    throw new Error("told");
  });
  expect(leave).not.toThrow();
});
