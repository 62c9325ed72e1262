import { createParser } from "eventsource-parser";
import { createApi, unwrap } from "./api.js";
import { authorized, type ConnectionOptions } from "./auth.js";
import { ApiError } from "./errors.js";
import type { Section } from "./snapshot.js";

/** One event of the stream. */
export interface Frame {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

export interface StreamHandlers {
  /** Bytes came, whatever they were. */
  alive(): void;
  frame(frame: Frame): void;
  /** How many milliseconds the server wants the next connection to wait. */
  retry(milliseconds: number): void;
}

/**
 * Opens the stream after a cursor, and settles when it is over: resolves where it had opened and ended or
 * was cut, rejects where it did not open. Nothing is handed over once the signal is aborted.
 */
export type Transport = (cursor: string, signal: AbortSignal, handlers: StreamHandlers) => Promise<void>;

export interface StreamOptions extends ConnectionOptions {
  organizationId: string;
  assetIds?: readonly string[] | undefined;
  sections?: readonly Section[] | undefined;
}

/** The part of the browser's EventSource that is used; also that of the npm package `eventsource`. */
export interface EventSourceLike {
  addEventListener(type: string, listener: (event: { data?: string; lastEventId?: string }) => void): void;
  close(): void;
}
export type EventSourceConstructor = new (url: string) => EventSourceLike;

/** The stream did not open, and nothing tells why: EventSource does not. */
export class StreamNotOpenedError extends Error {
  override readonly name = "StreamNotOpenedError";
}

/** What answered is not the API: a proxy, or the sign-in page of a hotel's network. */
export class UnexpectedAnswerError extends Error {
  override readonly name = "UnexpectedAnswerError";
}

// Characters of one unfinished frame; the server's are about a thousandth of it.
const MAX_FRAME = 1_048_576;

const EVENTS = [
  "ready",
  "heartbeat",
  "reset",
  "reauth",
  "bye",
  "reservation_created",
  "reservation_updated",
  "reservation_canceled",
  "maintenance_scheduled",
  "maintenance_updated",
  "maintenance_canceled",
] as const;

function streamUrl(options: StreamOptions, more: Record<string, string> = {}): string {
  const base = options.baseUrl.replace(/\/+$/, "");
  const query = new URLSearchParams(more);
  for (const asset of options.assetIds ?? []) query.append("asset_id", asset);
  for (const section of options.sections ?? []) query.append("section", section);
  const path = `${base}/api/v1/organizations/${encodeURIComponent(options.organizationId)}/calendar/stream`;
  // Not its size: browsers of 2023 have none.
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Reads the stream with fetch: errors can be read, and the token goes in a header. */
export function fetchTransport(options: StreamOptions): Transport {
  const send = authorized(options);
  return async (cursor, signal, handlers) => {
    const request = new Request(streamUrl(options), {
      headers: { Accept: "text/event-stream", "Last-Event-ID": cursor },
      cache: "no-store",
      signal,
    });
    const response = await send(request);
    if (!response.ok) throw await ApiError.read(response);
    if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      await response.body?.cancel();
      throw new UnexpectedAnswerError("The answer is not a stream of events.");
    }
    await readFrames(response.body, signal, handlers);
  };
}

async function readFrames(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  handlers: StreamHandlers,
): Promise<void> {
  let fault: Error | undefined;
  const parser = createParser({
    maxBufferSize: MAX_FRAME,
    onEvent: ({ event, data, id }) => {
      if (!signal.aborted) handlers.frame({ event: event ?? "message", data, id });
    },
    onRetry: (milliseconds) => {
      if (!signal.aborted) handlers.retry(milliseconds);
    },
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") fault = error;
    },
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    while (fault === undefined && !signal.aborted) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      handlers.alive();
      parser.feed(decoder.decode(value, { stream: true }));
    }
    // Nobody knows what it would have changed, and it would come again.
    if (fault !== undefined)
      handlers.frame({ event: "reset", data: '{"reason":"unreadable"}', id: undefined });
  } catch {
    // It was cut; the next one goes on where this one ended.
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Reads the stream with EventSource. It cannot send a token, so each connection takes a ticket first; and
 * as a ticket is good once, its own reconnecting is never used.
 */
export function eventSourceTransport(
  options: StreamOptions,
  EventSource = (globalThis as { EventSource?: EventSourceConstructor }).EventSource,
): Transport {
  if (EventSource === undefined) throw new TypeError("There is no EventSource here; pass one.");
  const api = createApi(options);
  return async (cursor, signal, handlers) => {
    const body = { organization_id: options.organizationId };
    const { ticket } = unwrap(await api.POST("/api/v1/stream-tickets", { body, signal }));
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const source = new EventSource(streamUrl(options, { ticket, cursor }));
      let opened = false;
      const end = (error?: Error) => {
        signal.removeEventListener("abort", aborted);
        source.close();
        if (error === undefined) resolve();
        else reject(error);
      };
      const aborted = () => end();
      signal.addEventListener("abort", aborted);
      source.addEventListener("open", () => {
        opened = true;
        if (!signal.aborted) handlers.alive();
      });
      source.addEventListener("error", () => {
        end(opened ? undefined : new StreamNotOpenedError("The stream did not open."));
      });
      for (const event of EVENTS) {
        source.addEventListener(event, ({ data = "", lastEventId }) => {
          if (signal.aborted) return;
          handlers.alive();
          handlers.frame({ event, data, id: lastEventId || undefined });
        });
      }
    });
  };
}
