import { unlessAborted } from "./within.js";

/**
 * Whose token goes along. Asked on every request, so that it may hand out a fresh one each time.
 * `rejected` is a token that the server has refused, or will soon: hand out another one. Throw where
 * there is none just now, as on a laptop that wakes without a network: that is tried again. It is waited
 * for only as long as the request's signal allows.
 */
export type TokenSource = (rejected?: string) => string | Promise<string>;

export interface ConnectionOptions {
  /** Where the BFF answers, such as `https://api.example.com`; without `/api/v1`. */
  baseUrl: string;
  token: TokenSource;
  /** Language of messages, as Accept-Language takes it; by default the browser's. */
  language?: (() => string | undefined) | undefined;
  fetch?: typeof globalThis.fetch | undefined;
}

/**
 * A fetch that sends the token. On 401 it asks for a token once more and, where that is another one,
 * tries again: a laptop that wakes has an expired token, and nothing of a request that was refused so has
 * been done.
 */
export function authorized(options: ConnectionOptions): (request: Request) => Promise<Response> {
  const send = options.fetch ?? globalThis.fetch.bind(globalThis);
  return async (request) => {
    const again = request.clone();
    const token = await unlessAborted(request.signal, options.token());
    const response = await send(prepare(request, token, options.language?.()));
    if (response.status !== 401) return response;
    const other = await unlessAborted(request.signal, options.token(token));
    if (other === token) return response;
    await response.body?.cancel();
    return send(prepare(again, other, options.language?.()));
  };
}

function prepare(request: Request, token: string, language: string | undefined): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  if (language !== undefined) request.headers.set("Accept-Language", language);
  return request;
}
