import { describe, expect, test, vi } from "vitest";
import {
  type EventSourceLike,
  eventSourceTransport,
  type Frame,
  fetchTransport,
  StreamNotOpenedError,
} from "../../src/transport.js";
import { FakeStream, settle } from "./server.js";

const OPTIONS = { baseUrl: "http://calendar.test/", organizationId: "o1", token: () => "t" };

function listener() {
  const frames: Frame[] = [];
  const retries: number[] = [];
  const handlers = {
    alive: vi.fn(),
    frame: (frame: Frame) => frames.push(frame),
    retry: (milliseconds: number) => retries.push(milliseconds),
  };
  return { frames, retries, handlers };
}

describe("over fetch", () => {
  async function openStream(more: object = {}) {
    const requests: Request[] = [];
    let stream: FakeStream | undefined;
    const send = async (request: Request) => {
      requests.push(request);
      stream = new FakeStream(request);
      return stream.response;
    };
    const heard = listener();
    const abort = new AbortController();
    const transport = fetchTransport({ ...OPTIONS, ...more, fetch: send as typeof fetch });
    const done = transport("c0", abort.signal, heard.handlers);
    await settle();
    if (stream === undefined) throw new Error("no stream");
    return { ...heard, requests, stream, abort, done };
  }

  test("frames come whole, wherever the network breaks them, in the middle of a letter too", async () => {
    const text =
      'id: c1\nevent: reservation_created\ndata: {"title":"Año nuevo ✈"}\n\n: nothing\n\nevent: bye\nretry: 700\ndata: {}\n\n';
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const { stream, frames, retries, done } = await openStream();
      for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
      stream.end();
      await done;
      expect(frames).toEqual([
        { event: "reservation_created", data: '{"title":"Año nuevo ✈"}', id: "c1" },
        { event: "bye", data: "{}", id: undefined },
      ]);
      expect(retries).toEqual([700]);
    }
  });

  test("it asks for what is to be shown, with token, cursor and language in headers", async () => {
    const { requests, abort } = await openStream({
      assetIds: ["a1", "a2"],
      sections: ["planes"],
      language: () => "es",
    });
    expect(requests[0]?.url).toBe(
      "http://calendar.test/api/v1/organizations/o1/calendar/stream?asset_id=a1&asset_id=a2&section=planes",
    );
    expect(Object.fromEntries(requests[0]?.headers ?? [])).toMatchObject({
      accept: "text/event-stream",
      "accept-language": "es",
      authorization: "Bearer t",
      "last-event-id": "c0",
    });
    abort.abort();
  });

  test("nothing is handed over once it is aborted, not the rest of a chunk either", async () => {
    const { stream, frames, abort, handlers, done } = await openStream();
    const tell = handlers.frame;
    handlers.frame = (frame) => {
      abort.abort();
      return tell(frame);
    };
    stream.write("event: reset\ndata: {}\n\nevent: ready\ndata: {}\n\n");
    await done;
    expect(frames).toHaveLength(1);
    expect(stream.closed).toBe(true);
  });

  test("of what comes after it is aborted nothing is heard, and the body is let go of", async () => {
    const { stream, retries, frames, abort, handlers, done } = await openStream();
    stream.write(": here\n\n");
    await settle();
    expect(handlers.alive).toHaveBeenCalledTimes(1);
    abort.abort();
    stream.write("retry: 5\n\nevent: ready\ndata: {}\n\n");
    await done;
    expect(handlers.alive).toHaveBeenCalledTimes(1);
    expect([frames, retries]).toEqual([[], []]);
    expect(stream.body).toBe("canceled");
  });

  test("a cut is an end, and no error: there is nothing to be told", async () => {
    const { stream, done } = await openStream();
    stream.cut();
    await expect(done).resolves.toBeUndefined();
  });
});

describe("over EventSource", () => {
  class FakeEventSource implements EventSourceLike {
    static last: FakeEventSource;
    closed = false;
    readonly #listeners = new Map<string, (event: { data?: string; lastEventId?: string }) => void>();

    constructor(readonly url: string) {
      FakeEventSource.last = this;
    }

    addEventListener(type: string, act: (event: { data?: string; lastEventId?: string }) => void): void {
      this.#listeners.set(type, act);
    }

    close(): void {
      this.closed = true;
    }

    say(type: string, event: { data?: string; lastEventId?: string } = {}): void {
      this.#listeners.get(type)?.(event);
    }
  }

  async function openStream() {
    const bodies: unknown[] = [];
    const send = async (request: Request) => {
      bodies.push(await request.json());
      const data = { ticket: `ticket ${bodies.length}`, expires_at: "" };
      return Response.json({ success: true, data, metadata: {} });
    };
    const heard = listener();
    const abort = new AbortController();
    const transport = eventSourceTransport({ ...OPTIONS, fetch: send as typeof fetch }, FakeEventSource);
    const done = transport("c0", abort.signal, heard.handlers);
    done.catch(() => {});
    await settle();
    return { ...heard, bodies, abort, done, source: FakeEventSource.last };
  }

  test("each connection takes a ticket of its own, and the cursor goes in the address", async () => {
    const { source, bodies, frames, abort, done } = await openStream();
    expect(bodies).toEqual([{ organization_id: "o1" }]);
    const { searchParams } = new URL(source.url);
    expect(Object.fromEntries(searchParams)).toEqual({ ticket: "ticket 1", cursor: "c0" });
    source.say("open");
    source.say("heartbeat", { data: "{}", lastEventId: "c1" });
    source.say("reset", { data: "{}", lastEventId: "" });
    expect(frames).toEqual([
      { event: "heartbeat", data: "{}", id: "c1" },
      { event: "reset", data: "{}", id: undefined },
    ]);
    abort.abort();
    source.say("heartbeat", { data: "{}", lastEventId: "c2" });
    await expect(done).resolves.toBeUndefined();
    expect(source.closed).toBe(true);
    expect(frames).toHaveLength(2);
  });

  test("it never reconnects by itself: an error ends it", async () => {
    const opened = await openStream();
    opened.source.say("open");
    opened.source.say("error");
    await expect(opened.done).resolves.toBeUndefined();
    expect(opened.source.closed).toBe(true);
    const refused = await openStream();
    refused.source.say("error");
    await expect(refused.done).rejects.toBeInstanceOf(StreamNotOpenedError);
  });
});
