import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shareCalendar } from "../../examples/nextjs/shared-calendar.js";
import { WINDOW } from "./server.js";

const names: string[] = [];

beforeEach(() => {
  names.length = 0;
  class Channel {
    onmessage = null;
    constructor(name: string) {
      names.push(name);
    }
    postMessage(): void {}
    close(): void {}
  }
  const request = async (name: string) => {
    names.push(name);
  };
  vi.stubGlobal("BroadcastChannel", Channel);
  vi.stubGlobal("navigator", { locks: { request } });
});

afterEach(() => vi.unstubAllGlobals());

test("tabs share a stream only where the same user asks the same server for the same", () => {
  const options = { baseUrl: "https://a.test", organizationId: "o1", token: () => "t", ...WINDOW };
  const nameOf = (userId: string, more: object = {}) => {
    shareCalendar(userId, { ...options, ...more }, () => {})();
    const [channel, lock] = names.splice(0);
    expect(lock).toBe(channel);
    return channel;
  };
  const own = nameOf("u1");
  expect(nameOf("u1", { assetIds: [], token: () => "another" })).toBe(own);
  expect(nameOf("u1", { assetIds: ["a", "b"] })).toBe(nameOf("u1", { assetIds: ["b", "a"] }));
  const others = [
    nameOf("u2"),
    nameOf("u1", { baseUrl: "https://b.test" }),
    nameOf("u1", { organizationId: "o2" }),
    nameOf("u1", { from: "2032-02-01T00:00:00Z" }),
    nameOf("u1", { assetIds: ["a"] }),
    nameOf("u1", { assetIds: ["a b"] }),
    nameOf("u1", { assetIds: ["a", "b"] }),
    nameOf("u1", { sections: ["planes"] }),
  ];
  expect(new Set([own, ...others]).size).toBe(others.length + 1);
});
