import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { UnexpectedAnswerError } from "../../src/index.js";
import {
  booking,
  FakeServer,
  FakeStream,
  failure,
  openFake,
  pass,
  settle,
  useFakeClock,
  WINDOW,
} from "./server.js";

type Opened = ReturnType<typeof openFake>;

let server: FakeServer;
const opened: Opened[] = [];

beforeEach(() => {
  useFakeClock();
  server = new FakeServer();
});

afterEach(async () => {
  for (const { calendar } of opened.splice(0)) calendar.close();
  await settle();
  expect(vi.getTimerCount()).toBe(0);
  expect(server.streams.every(({ closed }) => closed)).toBe(true);
  vi.useRealTimers();
});

function open(...more: Parameters<typeof openFake> extends [unknown, ...infer Rest] ? Rest : never): Opened {
  const made = openFake(server, ...more);
  opened.push(made);
  return made;
}

async function openLive(...more: Parameters<typeof open>): Promise<Opened> {
  const made = open(...more);
  await pass(200);
  expect(made.calendar.state).toBe("live");
  return made;
}

describe("failures", () => {
  test("an unreachable server is asked after 1, 2, 4 … and never more than 30 seconds, jitter aside", async () => {
    server.onCalendar = () => null;
    const { states, errors } = open();
    await pass(130_000);
    const [first = 0] = server.times;
    expect(server.times.map((time) => Math.round((time - first) / 1_000))).toEqual([
      0, 1, 3, 7, 15, 31, 61, 91, 121,
    ]);
    expect(states()).toEqual(["offline"]);
    expect(errors().every(({ fatal }) => !fatal)).toBe(true);
    server.onCalendar = undefined;
    await pass(30_200);
    expect(states()).toEqual(["offline", "catching_up", "live"]);
  });

  test("jitter is full: it takes anything from nothing to the bound", async () => {
    server.onCalendar = () => null;
    open({ random: () => 0.5 });
    await pass(10_000);
    const [first = 0] = server.times;
    expect(server.times.map((time) => time - first)).toEqual([0, 500, 1_500, 3_500, 7_500]);
  });

  test("a stream that held for a while was a good one: the next failure is the first again", async () => {
    server.onCalendar = () => null;
    const made = open();
    await pass(20_000);
    server.onCalendar = undefined;
    await pass(31_000);
    expect(made.calendar.state).toBe("live");
    server.stream.cut();
    await pass(900);
    expect(server.streams).toHaveLength(1);
    await pass(200);
    expect(server.streams).toHaveLength(2);
    // That one did not hold.
    server.stream.cut();
    await pass(1_900);
    expect(server.streams).toHaveLength(2);
    await pass(200);
    expect(server.streams).toHaveLength(3);
  });

  test.each([429, 503])(
    "on %i it waits for as long as Retry-After says, and a little more",
    async (status) => {
      const made = open();
      server.onStream = () => failure(status, "BUSY", { "retry-after": "7" });
      await pass(200);
      made.environment.say("visible");
      await pass(7_000);
      expect(server.times).toHaveLength(2);
      server.onStream = undefined;
      await pass(1_200);
      expect(made.calendar.state).toBe("live");
      expect(made.snapshots()).toEqual(["opened"]);
      expect(made.errors()).toMatchObject([{ fatal: false, error: { status, code: "BUSY", retryAfter: 7 } }]);
    },
  );

  test("a wait beyond all timers is one of an hour, and no hot loop", async () => {
    const made = open();
    server.onStream = () => failure(503, "BUSY", { "retry-after": "3000000" });
    await pass(3_000);
    expect(server.times).toHaveLength(2);
    server.onStream = undefined;
    vi.advanceTimersByTime(3_600_000);
    await pass(1_000);
    expect(made.calendar.state).toBe("live");
    server.stream.send("bye", { reason: "draining" }, undefined, 3_000_000_000);
    await pass(3_000);
    expect(server.streams).toHaveLength(1);
  });

  test.each([403, 404, 410])("%i closes it with the error", async (status) => {
    server.onStream = () => failure(status, "NO");
    const made = open();
    await pass(100);
    expect(made.calendar.state).toBe("closed");
    expect(made.errors()).toMatchObject([{ fatal: true, error: { status, code: "NO", requestId: "r1" } }]);
  });

  test("401 has the token asked for once more, with the one that was refused", async () => {
    server.onStream = (request) => {
      if (request.headers.get("authorization") === "Bearer t0") return failure(401, "UNAUTHORIZED");
      server.onStream = undefined;
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      return stream.response;
    };
    const made = await openLive();
    expect(made.tokens).toEqual([undefined, undefined, "t0"]);
    expect(made.errors()).toEqual([]);
  });

  test("401 again closes it", async () => {
    server.onStream = () => failure(401, "UNAUTHORIZED");
    const made = open();
    await pass(100);
    expect(made.calendar.state).toBe("closed");
    expect(server.times).toHaveLength(3);
    expect(made.errors()).toMatchObject([{ fatal: true, error: { status: 401 } }]);
  });

  test("a token that cannot be had just now is asked for again", async () => {
    let down = true;
    const token = () => {
      if (down) throw new Error("no network");
      return "t";
    };
    const made = open({ token });
    await pass(500);
    expect(made.errors()).toMatchObject([{ fatal: false, error: { message: "no network" } }]);
    down = false;
    await pass(1_000);
    expect(made.calendar.state).toBe("live");
  });

  test("a token that never comes is not waited for: the next one may", async () => {
    let hangs = true;
    const token = () => (hangs ? new Promise<string>(() => {}) : "t");
    const made = open({ token });
    await pass(15_100);
    expect(made.errors()).toMatchObject([{ error: { message: "The calendar was not answered in time." } }]);
    hangs = false;
    await pass(1_200);
    expect(made.calendar.state).toBe("live");
    hangs = true;
    server.stream.cut();
    await pass(17_100);
    expect(made.errors()).toMatchObject([{}, { error: { message: "The stream did not open in time." } }]);
    hangs = false;
    await pass(4_200);
    expect(made.calendar.state).toBe("live");
  });

  test("400 for a cursor has the calendar fetched anew; for fresh ones again and again it is the end", async () => {
    const made = await openLive();
    server.reservations = [booking("new")];
    server.cursor = "c9";
    server.onStream = (request) => {
      if (request.headers.get("last-event-id") === "c0") return failure(400, "VALIDATION_ERROR");
      server.onStream = undefined;
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      return stream.response;
    };
    server.stream.cut();
    await pass(4_000);
    expect(made.calendar.state).toBe("live");
    expect(made.titles()).toEqual(["new"]);
    await pass(6_000);
    server.onStream = () => failure(400, "VALIDATION_ERROR");
    server.stream.cut();
    await pass(30_000);
    expect(made.calendar.state).toBe("catching_up");
    await pass(60_000);
    expect(made.calendar.state).toBe("closed");
    // Five fresh ones were refused.
    expect(made.snapshots()).toEqual(["opened", ...Array(6).fill("reset")]);
    expect(made.errors().at(-1)).toMatchObject({ fatal: true, error: { status: 400 } });
  });

  test("a fresh cursor of a deploy's other version is not the end, nor is the next", async () => {
    let streams = 0;
    server.onStream = (request) => {
      streams += 1;
      if (streams % 4 !== 0) return failure(400, "VALIDATION_ERROR");
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      return stream.response;
    };
    const made = open();
    for (let n = 1; n <= 3; n += 1) {
      await pass(20_000);
      expect(made.calendar.state).toBe("live");
      server.stream.cut();
    }
  });

  test.each([400, 401, 403, 404, 410])(
    "%i with a proxy's page passes, as it says nothing of the calendar",
    async (status) => {
      const made = await openLive();
      const page = () => new Response("<h1>default backend</h1>", { status });
      server.onStream = page;
      server.stream.cut();
      await pass(3_500);
      server.onCalendar = page;
      const asked = made.calendar.setWindow("2032-05-01T00:00:00Z", "2032-06-01T00:00:00Z");
      await pass(10_000);
      expect(made.errors().length).toBeGreaterThan(1);
      expect(made.errors().every(({ fatal }) => !fatal)).toBe(true);
      expect(made.calendar.state).toBe("offline");
      server.onStream = undefined;
      server.onCalendar = undefined;
      await pass(31_000);
      await asked;
      expect(made.calendar.state).toBe("live");
    },
  );

  test("a hotel's sign-in page is not a stream", async () => {
    const made = open();
    server.onStream = () => new Response("<h1>Welcome</h1>", { headers: { "content-type": "text/html" } });
    await pass(15_000);
    expect(made.errors()[0]?.error).toBeInstanceOf(UnexpectedAnswerError);
    expect(made.calendar.state).toBe("offline");
    server.onStream = undefined;
    await pass(30_000);
    expect(made.calendar.state).toBe("live");
  });

  test("an answer that does not begin is not waited for", async () => {
    const made = open({
      fetch: (input) =>
        new Promise((_, reject) => {
          const { signal } = input as Request;
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    });
    await pass(15_100);
    expect(made.errors()).toMatchObject([{ error: { message: "The calendar was not answered in time." } }]);
  });
});

describe("resets", () => {
  test("what happens between a reset and the fresh snapshot is not lost", async () => {
    const made = await openLive();
    const first = server.stream;
    server.reservations = [booking("before")];
    server.cursor = "c5";
    first.send("reset", { reason: "access_changed" });
    first.created("before", "c5");
    await settle();
    expect(first.closed).toBe(true);
    expect(made.calendar.state).toBe("catching_up");
    await pass(2_000);
    expect(server.stream.cursor).toBe("c5");
    server.stream.created("after", "c6");
    await pass(200);
    expect(made.titles()).toEqual(["after", "before"]);
    expect(made.changes()).toEqual(["c6"]);
    expect(made.states()).toEqual(["catching_up", "live", "catching_up", "live"]);
  });

  test("a cursor that the log does not hold is reset as the stream opens", async () => {
    const made = await openLive();
    server.opens = false;
    server.stream.cut();
    await pass(1_100);
    server.cursor = "c7";
    server.opens = true;
    server.stream.ready(false);
    server.stream.send("reset", { reason: "cursor_unknown" });
    await pass(5_000);
    expect(server.stream.cursor).toBe("c7");
    expect(made.calendar.state).toBe("live");
  });

  test("what does not resume, and is cut before it says why, is asked for from the old place again", async () => {
    const made = await openLive();
    server.opens = false;
    server.stream.cut();
    await pass(1_100);
    server.stream.ready(false);
    await settle();
    server.stream.cut();
    await pass(2_100);
    expect(server.stream.cursor).toBe("c0");
    expect(made.snapshots()).toEqual(["opened"]);
  });

  test("one reset after the other does not become a storm", async () => {
    const made = open();
    server.opens = false;
    server.onStream = (request) => {
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      stream.send("reset", { reason: "access_changed" });
      stream.send("reset", { reason: "access_changed" });
      return stream.response;
    };
    await pass(60_000);
    expect(server.windows.length).toBeLessThan(10);
    expect(server.windows).toHaveLength(server.streams.length);
    server.onStream = undefined;
    server.opens = true;
    await pass(31_000);
    expect(made.calendar.state).toBe("live");
  });

  test("a reader that was too slow is cut off, and begins anew", async () => {
    const made = await openLive();
    server.stream.created("seen", "c1");
    server.reservations = [booking("seen"), booking("missed")];
    server.cursor = "c4";
    server.stream.send("reset", { reason: "slow_consumer" });
    server.stream.end();
    await pass(2_500);
    expect(made.titles()).toEqual(["missed", "seen"]);
    expect(made.calendar.state).toBe("live");
    expect(made.snapshots()).toEqual(["opened", "reset"]);
  });

  test.each([
    ["is no change", 'id: c1\nevent: reservation_updated\ndata: {"type":1,"payload":{"reservation":{}}}\n\n'],
    ["is no JSON", "id: c1\nevent: reservation_updated\ndata: {\n\n"],
    ["never ends", `data: ${"x".repeat(1_048_577)}`],
  ])("a frame that %s is a reset, as nobody knows what it would have changed", async (_, frame) => {
    const made = await openLive();
    server.cursor = "c2";
    server.stream.write(frame);
    await pass(2_500);
    expect(server.stream.cursor).toBe("c2");
    expect(made.snapshots()).toEqual(["opened", "reset"]);
  });
});

describe("farewells", () => {
  test("after `draining` it waits for as long as it is told, and resumes", async () => {
    const made = await openLive();
    server.stream.created("a", "c1");
    server.stream.send("bye", { reason: "draining" }, undefined, 3_000);
    server.stream.end();
    await pass(2_900);
    expect(server.streams).toHaveLength(1);
    await pass(200);
    expect(server.stream.cursor).toBe("c1");
    await pass(200);
    expect(made.states()).toEqual(["catching_up", "live", "catching_up", "live"]);
    expect(made.snapshots()).toEqual(["opened"]);
  });

  test("after `token_expired` it comes back at once, but not in a hot loop", async () => {
    const made = await openLive();
    server.stream.send("bye", { reason: "token_expired" });
    await pass(50);
    expect(server.streams).toHaveLength(2);
    server.onStream = (request) => {
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      stream.send("bye", { reason: "token_expired" });
      return stream.response;
    };
    server.stream.send("bye", { reason: "token_expired" });
    await pass(60_000);
    expect(server.streams.length).toBeLessThan(10);
    server.onStream = undefined;
    await pass(31_000);
    expect(made.calendar.state).toBe("live");
  });

  test("`access_revoked` closes it", async () => {
    const made = await openLive();
    server.stream.send("bye", { reason: "access_revoked" });
    await settle();
    expect(made.calendar.state).toBe("closed");
    expect(made.errors()).toMatchObject([{ fatal: true, error: { status: 403, code: "ACCESS_REVOKED" } }]);
  });
});

describe("a token that ends soon", () => {
  const soon = { expiresAt: "2032-01-01T00:01:00Z" };

  async function openOld(): Promise<Opened> {
    const made = await openLive();
    // Old enough not to be one of many that are short-lived.
    await pass(6_000);
    server.opens = false;
    return made;
  }

  test("another stream takes over, and what both say is told once", async () => {
    const made = await openOld();
    const old = server.stream;
    old.created("a", "c1");
    old.send("reauth", soon);
    await pass(10);
    expect(server.streams).toHaveLength(2);
    expect(server.stream.cursor).toBe("c1");
    expect([old.token, server.stream.token]).toEqual(["Bearer t0", "Bearer t1"]);
    old.created("b", "c2");
    await settle();
    expect(made.changes()).toEqual(["c1"]);
    server.stream.ready();
    server.stream.created("b", "c2");
    server.stream.created("c", "c3");
    await settle();
    expect(old.closed).toBe(true);
    expect(made.changes()).toEqual(["c1", "c2", "c3"]);
    expect(made.states()).toEqual(["catching_up", "live"]);
  });

  test("if the other does not open, this one goes on with all that it said, and it is tried again", async () => {
    const made = await openOld();
    const old = server.stream;
    server.onStream = () => failure(429, "RATE_LIMIT_EXCEEDED");
    old.send("reauth", soon);
    old.created("a", "c1");
    await pass(10);
    expect(old.closed).toBe(false);
    old.created("b", "c2");
    await settle();
    expect(made.changes()).toEqual(["c1", "c2"]);
    server.onStream = undefined;
    server.opens = true;
    await pass(3_000);
    expect(old.closed).toBe(true);
    expect(server.stream.cursor).toBe("c2");
    expect(made.states()).toEqual(["catching_up", "live"]);
  });

  test("a reset that only the old one was told is not lost", async () => {
    const made = await openOld();
    const old = server.stream;
    old.send("reauth", soon);
    await pass(10);
    old.send("reset", { reason: "access_changed" });
    await settle();
    server.reservations = [booking("fresh")];
    server.stream.ready();
    server.opens = true;
    await pass(100);
    expect(made.titles()).toEqual(["fresh"]);
    expect(made.snapshots()).toEqual(["opened", "reset"]);
  });

  test("closed, or shown another window, in the middle of it, no stream is left open", async () => {
    const made = await openOld();
    server.stream.send("reauth", soon);
    await pass(10);
    const [, next] = server.streams;
    server.cursor = "c9";
    server.opens = true;
    await made.calendar.setWindow("2032-05-01T00:00:00Z", "2032-06-01T00:00:00Z");
    await pass(200);
    expect(next?.closed).toBe(true);
    expect(server.streams.filter(({ closed }) => !closed).map(({ cursor }) => cursor)).toEqual(["c9"]);
    await pass(6_000);
    server.opens = false;
    server.stream.send("reauth", soon);
    await pass(10);
    expect(server.streams.filter(({ closed }) => !closed)).toHaveLength(2);
    made.calendar.close();
    await settle();
    expect(server.streams.every(({ closed }) => closed)).toBe(true);
  });

  test("with the same token no stream is opened in vain; at its end another one is asked for", async () => {
    let token = "same";
    const made = await openLive({ token: () => token });
    await pass(6_000);
    server.stream.send("reauth", soon);
    await pass(30_000);
    expect(server.streams).toHaveLength(1);
    token = "other";
    server.stream.send("bye", { reason: "token_expired" });
    await pass(300);
    expect(server.stream.token).toBe("Bearer other");
    expect(made.calendar.state).toBe("live");
  });

  test("one that never comes does not keep the stream from taking the next", async () => {
    let hangs = false;
    let asked = 0;
    const token = (rejected?: string) => {
      if (rejected === undefined) return "old";
      asked += 1;
      return hangs ? new Promise<string>(() => {}) : "new";
    };
    const made = await openLive({ token });
    await pass(6_000);
    const old = server.stream;
    hangs = true;
    old.send("reauth", soon);
    await pass(15_100);
    expect(asked).toBe(1);
    hangs = false;
    await pass(2_100);
    expect(asked).toBe(2);
    expect(old.closed).toBe(true);
    expect(made.errors()).toMatchObject([{ error: { message: "No token was handed out in time." } }]);
    expect(made.states()).toEqual(["catching_up", "live"]);
  });

  test("tokens that are never good for long do not open streams in a hot loop", async () => {
    server.opens = false;
    server.onStream = (request) => {
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      stream.send("reauth", soon);
      return stream.response;
    };
    await openLive();
    await pass(60_000);
    expect(server.streams.length).toBeLessThan(15);
    expect(server.streams.filter(({ closed }) => !closed)).toHaveLength(1);
  });

  test("so much said while the other opens that it is not kept any more: the old one goes on", async () => {
    const made = await openOld();
    const old = server.stream;
    old.send("reauth", soon);
    await pass(10);
    for (let n = 1; n <= 1_001; n += 1) old.created(`b${n}`, `c${n}`);
    await pass(100);
    expect(made.changes()).toHaveLength(1_001);
    expect(old.closed).toBe(false);
  });
});

describe("silence and sleep", () => {
  test("heartbeats keep a stream, and where it stands; 45 seconds without a byte end it", async () => {
    const made = await openLive();
    for (let n = 1; n <= 5; n += 1) {
      await pass(20_000);
      server.stream.send("heartbeat", { cursor: `c${n}` }, `c${n}`);
    }
    expect(server.streams).toHaveLength(1);
    await pass(52_000);
    expect(server.streams).toHaveLength(2);
    expect(server.stream.cursor).toBe("c5");
    expect(made.snapshots()).toEqual(["opened"]);
    expect(made.changes()).toEqual([]);
  });

  test("a heartbeat that says that the server catches up is shown until one says so no more", async () => {
    const made = await openLive();
    server.stream.send("heartbeat", { cursor: "c1", catchingUp: true }, "c1");
    await pass(10_000);
    expect(made.states().at(-1)).toBe("catching_up");
    server.stream.send("heartbeat", { cursor: "c1" }, "c1");
    await pass(10_000);
    expect(made.states().slice(-2)).toEqual(["catching_up", "live"]);
    expect(server.streams).toHaveLength(1);
  });

  test("bytes that are no event keep it too", async () => {
    await openLive();
    for (let n = 0; n < 4; n += 1) {
      await pass(30_000);
      server.stream.write(": still here\n\n");
    }
    await pass(1_000);
    expect(server.streams).toHaveLength(1);
  });

  test("a laptop that wakes has had no timers: a look at the page is enough to connect anew", async () => {
    const made = await openLive();
    made.environment.shift = 3_600_000;
    made.environment.say("visible");
    await pass(1_100);
    expect(server.streams).toHaveLength(2);
  });

  test("a clock that is set back keeps no dead stream alive", async () => {
    const made = await openLive();
    made.environment.shift = -3_600_000;
    await pass(52_000);
    expect(server.streams).toHaveLength(2);
    expect(made.calendar.state).toBe("live");
  });

  test("a look at the page leaves a stream alone that has just been heard", async () => {
    const made = await openLive();
    await pass(15_000);
    made.environment.say("visible");
    await pass(1_000);
    expect(server.streams).toHaveLength(1);
  });

  test("offline by the browser's word it asks nothing, and online again it asks at once", async () => {
    const made = await openLive();
    made.environment.say("offline");
    await settle();
    expect(made.calendar.state).toBe("offline");
    await pass(20_000);
    expect(server.times).toHaveLength(2);
    made.environment.say("online");
    await pass(200);
    expect(server.times).toHaveLength(3);
    expect(made.states()).toEqual(["catching_up", "live", "offline", "catching_up", "live"]);
  });

  test("a browser can be wrong about being offline", async () => {
    const made = await openLive();
    made.environment.say("offline");
    await pass(31_000);
    expect(made.calendar.state).toBe("live");
  });
});

describe("what is told", () => {
  test("with the first snapshot something is there to be shown, whatever becomes of the stream", async () => {
    server.onStream = () => failure(503, "BUSY");
    const made = open();
    const states: string[] = [];
    made.calendar.subscribe(({ kind }) => kind === "snapshot" && states.push(made.calendar.state));
    expect(made.calendar.state).toBe("connecting");
    await pass(1_000);
    expect(states).toEqual(["catching_up"]);
    expect(made.states()).toEqual(["catching_up"]);
  });

  test("a replay without end is traffic, and the calendar is live", async () => {
    const made = open();
    await pass(50);
    for (let n = 0; n < 100; n += 1) {
      server.stream.created(`b${n}`, `c${n}`);
      await pass(100);
    }
    expect(made.states()).toEqual(["catching_up", "live"]);
  });

  test("events of a later server are passed over, but not where they stand", async () => {
    const made = await openLive();
    server.stream.send("reservation_painted", { colour: "blue" }, "c8");
    await settle();
    server.stream.cut();
    await pass(1_200);
    expect(server.stream.cursor).toBe("c8");
    expect(made.changes()).toEqual([]);
  });

  test("changes outside the window are not told", async () => {
    const made = await openLive();
    const reservation = booking("far", {
      start_date: "2032-07-01T00:00:00Z",
      end_date: "2032-07-02T00:00:00Z",
    });
    const payload = { reservation, previousState: null };
    server.stream.send("reservation_created", { type: "reservation_created", payload }, "c1");
    await settle();
    expect(made.updates.filter(({ kind }) => kind === "change")).toEqual([]);
    expect(made.calendar.snapshot.cursor).toBe("c1");
  });

  test("a listener that fails is reported, and does not stop the others or the stream", async () => {
    const reported: unknown[] = [];
    vi.stubGlobal("reportError", (error: unknown) => reported.push(error));
    const made = open();
    const leave = made.calendar.subscribe(() => {
      throw new Error("a listener's fault");
    });
    let told = 0;
    made.calendar.subscribe(() => {
      told += 1;
    });
    await pass(200);
    expect(made.calendar.state).toBe("live");
    // The snapshot, and two states.
    expect(told).toBe(3);
    expect(reported).toMatchObject(Array(3).fill({ message: "a listener's fault" }));
    leave();
    vi.unstubAllGlobals();
  });
});

test("of several sections each is fetched, and what a later one knows already is not undone", async () => {
  const later = booking("b", { title: "later", version: 2 });
  const gone = booking("gone");
  server.onCalendar = ({ url }) => {
    const first = url.includes("section=planes");
    // Between the two answers `b` was made and changed in the second section, and `gone` canceled in the first.
    const data = first
      ? { reservations: [gone], maintenance: [], cursor: "c0" }
      : { reservations: [later], maintenance: [], cursor: "c3" };
    return Response.json({ success: true, data, metadata: {} });
  };
  const made = await openLive({ sections: ["planes", "helicopters"] });
  expect(server.stream.cursor).toBe("c0");
  server.stream.created("b", "c1");
  const change = { previousState: gone, reservation: { ...gone, status: "canceled", version: 2 } };
  server.stream.send("reservation_canceled", { type: "reservation_canceled", payload: change }, "c3");
  await settle();
  expect(made.titles()).toEqual(["later"]);
  expect(made.calendar.snapshot.cursor).toBe("c3");
});

describe("another window", () => {
  const may = ["2032-05-01T00:00:00Z", "2032-06-01T00:00:00Z"] as const;

  test("is followed by the same stream where it is level, else by another", async () => {
    const made = await openLive();
    await made.calendar.setWindow(...may);
    await pass(200);
    expect(made.calendar.snapshot).toMatchObject({ from: may[0], to: may[1] });
    expect(server.streams).toHaveLength(1);
    server.cursor = "c3";
    await made.calendar.setWindow(WINDOW.from, WINDOW.to);
    await pass(200);
    expect(server.streams.map(({ cursor }) => cursor)).toEqual(["c0", "c3"]);
    expect(made.snapshots()).toEqual(["opened", "window", "window"]);
    expect(made.calendar.state).toBe("live");
  });

  test("that is the one shown asks nothing", async () => {
    const made = await openLive();
    await made.calendar.setWindow(WINDOW.from, new Date(WINDOW.to).toISOString().replace(".000", ""));
    expect(server.windows).toHaveLength(1);
  });

  /** Holds the next request for a calendar back until it is told to answer. */
  function hold() {
    let held: ((response: Response) => void) | undefined;
    let armed = false;
    const fetch: typeof globalThis.fetch = (input, init) => {
      if (!armed || (input as Request).url.includes("/stream")) return server.fetch(input, init);
      armed = false;
      return new Promise((resolve) => {
        held = resolve;
      });
    };
    const answer = (title: string) => {
      const data = { reservations: [booking(title)], maintenance: [], cursor: "c0" };
      held?.(Response.json({ success: true, data, metadata: {} }));
    };
    return {
      fetch,
      answer,
      arm: () => {
        armed = true;
      },
    };
  }

  test("in place of one that is still on its way leaves the stream alone", async () => {
    const held = hold();
    const made = await openLive({ fetch: held.fetch });
    held.arm();
    const first = made.calendar.setWindow("2032-01-01T00:00:00Z", "2032-02-01T00:00:00Z");
    await settle();
    await Promise.all([first, made.calendar.setWindow(...may)]);
    await pass(500);
    expect(made.snapshots()).toEqual(["opened", "window"]);
    expect(server.streams).toHaveLength(1);
    expect(made.states()).toEqual(["catching_up", "live"]);
  });

  test("whose answer is from before a reset is not shown after it, nor before what is fresh is there", async () => {
    for (const wait of [1_000, 4_000]) {
      server.cursor = "c0";
      const held = hold();
      const made = await openLive({ fetch: held.fetch });
      held.arm();
      const asked = made.calendar.setWindow(...may);
      await settle();
      server.cursor = "c9";
      server.stream.send("reset", { reason: "access_changed" });
      await pass(wait);
      held.answer("not to be seen any more");
      await pass(4_000);
      await asked;
      expect(made.titles()).toEqual([]);
      expect(made.snapshots()).toEqual(["opened", "window"]);
      expect(made.calendar.snapshot).toMatchObject({ from: may[0], cursor: "c9" });
      expect(made.calendar.state).toBe("live");
    }
  });

  test.each([
    ["the first", WINDOW.from, WINDOW.to],
    ["another", ...may],
  ])(
    "that is asked for more often than it takes to fetch it is shown all the same: %s",
    async (_, ...window) => {
      const slow: typeof fetch = async (input) => {
        if (!(input as Request).url.includes("/stream"))
          await new Promise((resolve) => setTimeout(resolve, 300));
        return server.fetch(input);
      };
      const made = open({ fetch: slow });
      if (window[0] !== WINDOW.from) await pass(1_000);
      const asked: Promise<void>[] = [];
      for (let n = 0; n < 5; n += 1) {
        asked.push(made.calendar.setWindow(...window));
        await pass(200);
      }
      await Promise.all(asked);
      expect(made.calendar.snapshot.from).toBe(window[0]);
      expect(server.windows.filter((each) => each.startsWith(window[0]))).toHaveLength(1);
    },
  );

  test("that is on its way, asked for again, does not end a wait that the server asked for", async () => {
    server.onCalendar = () => failure(503, "BUSY", { "retry-after": "7" });
    const made = open();
    await pass(200);
    void made.calendar.setWindow(WINDOW.from, WINDOW.to);
    await pass(6_000);
    expect(server.times).toHaveLength(1);
  });

  test("on the same stream does not make its later cursors fresh ones", async () => {
    const made = await openLive();
    await made.calendar.setWindow(...may);
    server.stream.created("a", "c1");
    await settle();
    let refusals = 0;
    server.onStream = (request) => {
      if (refusals < 5) {
        refusals += 1;
        return failure(400, "VALIDATION_ERROR");
      }
      const stream = new FakeStream(request);
      server.streams.push(stream);
      stream.ready();
      return stream.response;
    };
    await pass(6_000);
    server.stream.cut();
    await pass(70_000);
    // The old one, and four fresh ones: five of those would be the end.
    expect(refusals).toBe(5);
    expect(made.calendar.state).toBe("live");
  });

  test("asked for by whoever hears of a snapshot is waited for, and its refusal told", async () => {
    const made = open();
    let asked: Promise<void> | undefined;
    made.calendar.subscribe(({ kind }) => {
      if (kind !== "snapshot") return;
      server.onCalendar = () => failure(400, "VALIDATION_ERROR");
      asked ??= made.calendar.setWindow(...may);
      asked.catch(() => {});
    });
    await pass(500);
    await expect(asked).rejects.toMatchObject({ status: 400 });
    expect(made.calendar.snapshot.from).toBe(WINDOW.from);
  });

  test("that is none is refused as the server would", async () => {
    const made = await openLive();
    await expect(made.calendar.setWindow(new Date(Number.NaN), may[1])).rejects.toBeInstanceOf(RangeError);
    expect(made.calendar.state).toBe("live");
  });

  test("that is refused leaves the one before, also while the server is away", async () => {
    const made = await openLive();
    server.onCalendar = () => failure(400, "VALIDATION_ERROR");
    await expect(made.calendar.setWindow(...may)).rejects.toMatchObject({ status: 400 });
    expect(made.calendar.state).toBe("live");
    server.onCalendar = () => null;
    const asked = made.calendar.setWindow(...may);
    asked.catch(() => {});
    await pass(5_000);
    server.onCalendar = ({ url }) => (url.includes("2032-05") ? failure(400, "VALIDATION_ERROR") : null);
    await pass(20_000);
    await expect(asked).rejects.toMatchObject({ status: 400 });
    server.onCalendar = undefined;
    await pass(40_000);
    expect(made.calendar.state).toBe("live");
    expect(made.calendar.snapshot.from).toBe(WINDOW.from);
  });

  test("asked for before the first is there takes its place, and who waited for the first is told", async () => {
    const made = open();
    const first = made.calendar.setWindow("2032-01-01T00:00:00Z", "2032-02-01T00:00:00Z");
    const second = made.calendar.setWindow(...may);
    await pass(200);
    await Promise.all([first, second]);
    expect(made.calendar.snapshot.from).toBe(may[0]);
    expect(made.snapshots()).toEqual(["opened"]);
  });

  test("that comes while the first is on its way is the one that is shown", async () => {
    let answer: (() => void) | undefined;
    const slow: typeof fetch = async (input) => {
      if (answer === undefined) await new Promise<void>((resolve) => (answer = resolve));
      return server.fetch(input);
    };
    const made = open({ fetch: slow });
    await settle();
    const asked = made.calendar.setWindow(...may);
    answer?.();
    await settle();
    await asked;
    expect(made.calendar.snapshot.from).toBe(may[0]);
    expect(made.snapshots()).toEqual(["opened"]);
    expect(server.windows).toHaveLength(2);
  });

  test("is let go of when the calendar is closed", async () => {
    server.onCalendar = () => null;
    const made = open();
    const asked = made.calendar.setWindow(...may);
    await pass(100);
    made.calendar.close();
    await expect(asked).resolves.toBeUndefined();
    expect(made.environment.watched).toBe(false);
  });
});
