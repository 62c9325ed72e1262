import createClient, { type Client } from "openapi-fetch";
import { authorized, type ConnectionOptions } from "./auth.js";
import { ApiError } from "./errors.js";
import type { paths } from "./schema.js";

export type Api = Client<paths, "application/json">;

/** A client whose GET, POST, PATCH and DELETE know each path, its parameters, its body and its answer. */
export function createApi(options: ConnectionOptions): Api {
  return createClient<paths, "application/json">({
    baseUrl: options.baseUrl.replace(/\/+$/, ""),
    fetch: authorized(options),
  });
}

/**
 * The `data` of an answer: `unwrap(await api.GET(…))`; undefined where there is no body (204).
 *
 * @throws ApiError where the answer was an error.
 */
export function unwrap<T>(result: {
  data?: { readonly data: T } | undefined;
  error?: unknown;
  response: Response;
}): T;
export function unwrap(result: { data?: undefined; error?: unknown; response: Response }): undefined;
export function unwrap(result: {
  data?: { readonly data: unknown } | undefined;
  error?: unknown;
  response: Response;
}): unknown {
  if (!result.response.ok) throw ApiError.of(result.response, result.error);
  return result.data?.data;
}

/**
 * The header of a write that may be sent again: with the same key and body it is done once. Make it when
 * the form opens, not when it is sent.
 */
export function idempotencyKey(key: string = crypto.randomUUID()): { "Idempotency-Key": string } {
  return { "Idempotency-Key": key };
}

/** The header of a write that is meant for this version only; else 412, with the present state. */
export function ifMatch(version: number): { "If-Match": string } {
  return { "If-Match": `"${version}"` };
}
