import { describe, expect, test } from "vitest";
import { backoff, TIMINGS } from "../../src/backoff.js";
import { retryAfterOf } from "../../src/errors.js";
import { ApiError, createApi, idempotencyKey, ifMatch, unwrap } from "../../src/index.js";

/** An API whose answers are given, and what it was asked. */
function apiWith(...answers: Response[]) {
  const requests: { request: Request; body: string }[] = [];
  const rejected: (string | undefined)[] = [];
  const api = createApi({
    baseUrl: "https://api.test/",
    token: (token) => {
      rejected.push(token);
      return `t${rejected.length}`;
    },
    language: () => "es-PA",
    fetch: (async (request: Request) => {
      requests.push({ request, body: await request.text() });
      const answer = answers.shift();
      if (answer === undefined) throw new Error("one request too many");
      return answer;
    }) as typeof fetch,
  });
  return { api, requests, rejected };
}

const success = (data: unknown) => Response.json({ success: true, data, metadata: {} });
const BODY = {
  asset_id: "a1",
  title: "Trip",
  start_date: "2032-03-01T10:00:00Z",
  end_date: "2032-03-01T12:00:00Z",
};

test("a request carries token, language, and the headers of a safe write", async () => {
  const { api, requests } = apiWith(success({ id: "r1" }));
  const header = { ...idempotencyKey("once"), ...ifMatch(3) };
  const params = { path: { id: "r/1" }, header };
  const made = unwrap(await api.POST("/api/v1/reservations/{id}/cancel", { params, body: {} }));
  expect(made.id).toBe("r1");
  const request = requests[0]?.request;
  expect(request?.url).toBe("https://api.test/api/v1/reservations/r%2F1/cancel");
  expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
    "accept-language": "es-PA",
    authorization: "Bearer t1",
    "idempotency-key": "once",
    "if-match": '"3"',
  });
  expect(idempotencyKey()).not.toEqual(idempotencyKey());
});

test("a write refused for its token is sent once more, body and key too, with another token", async () => {
  const { api, requests, rejected } = apiWith(new Response(null, { status: 401 }), success({ id: "r1" }));
  unwrap(await api.POST("/api/v1/reservations", { body: BODY, params: { header: idempotencyKey("once") } }));
  expect(rejected).toEqual([undefined, "t1"]);
  expect(requests.map(({ request }) => request.headers.get("authorization"))).toEqual([
    "Bearer t1",
    "Bearer t2",
  ]);
  expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
  expect(requests[1]?.request.headers.get("idempotency-key")).toBe("once");
});

test("the same token is not refused twice", async () => {
  let sent = 0;
  const refuse = async () => {
    sent += 1;
    return new Response(null, { status: 401 });
  };
  const api = createApi({ baseUrl: "https://api.test", token: () => "same", fetch: refuse });
  expect((await api.GET("/api/v1/me")).response.status).toBe(401);
  expect(sent).toBe(1);
});

test("an answer without a body is undefined", async () => {
  const { api } = apiWith(new Response(null, { status: 204 }));
  const params = { path: { id: "m1" } };
  expect(unwrap(await api.DELETE("/api/v1/maintenance/{id}", { params }))).toBeUndefined();
});

describe("an error", () => {
  test("says what the API says", async () => {
    const details = {
      conflicts: [{ kind: "reservation", start_date: BODY.start_date, end_date: BODY.end_date }],
      alternatives: [{ start_date: BODY.start_date, end_date: BODY.end_date }],
    };
    const error = { code: "CONFLICT", message: "Taken.", details, timestamp: "", retryAfter: 2 };
    const { api } = apiWith(
      Response.json({ success: false, error, metadata: { requestId: "r1" } }, { status: 409 }),
    );
    const result = await api.POST("/api/v1/reservations", { body: BODY });
    const thrown = (() => {
      try {
        return unwrap(result);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(ApiError);
    expect(thrown).toMatchObject({
      status: 409,
      code: "CONFLICT",
      message: "Taken.",
      requestId: "r1",
      retryAfter: 2,
    });
    expect(thrown).toMatchObject({ ...details, violations: [], fields: [] });
  });

  test("of a proxy has the status, and what its headers say", async () => {
    const headers = { "x-request-id": "edge", "retry-after": "30" };
    const error = await ApiError.read(new Response("<h1>Bad gateway</h1>", { status: 502, headers }));
    expect(error).toMatchObject({
      status: 502,
      code: "HTTP_502",
      requestId: "edge",
      retryAfter: 30,
      details: {},
    });
    expect(error.current()).toBeUndefined();
  });

  test.each([
    [null, undefined],
    ["7", 7],
    ["Mon, 01 Mar 2032 00:00:30 GMT", 30],
    ["Sun, 29 Feb 2032 00:00:00 GMT", 0],
    ["soon", undefined],
  ])("Retry-After %s is %s seconds", (header, seconds) => {
    expect(retryAfterOf(header, Date.parse("2032-03-01T00:00:00Z"))).toBe(seconds);
  });
});

test("backoff doubles up to its cap, and jitter takes anything below", () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 2_000].map((attempt) => backoff(attempt, TIMINGS, () => 1));
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(backoff(3, TIMINGS, () => 0.25)).toBe(2_000);
});
