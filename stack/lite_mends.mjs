// Loaded before lite, and mends a few expressions of it. It knows its version of lite by their text and refuses another:
// raise the version of lite and this file together.
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const MENDS = {
  "/@supabase/lite/dist/index.js": [
    // lite writes a function's json arguments as text, and its driver writes that text as JSON once more: `[1]` would arrive
    // as the string "[1]". PostgREST does not do that. The driver alone does it right.
    ['x=E==="json"||E==="array"&&!Array.isArray(_)?ao(_):_', 'x=E==="array"&&!Array.isArray(_)?ao(_):_'],
    // PostgREST tells Postgres each request's headers, lite those of functions' calls only: here it hands all of them on,
    [
      'h={auth:{uid:n.var.userId??null,role:p?.role||"anon",jwt:p??null}}',
      'h={headers:JSON.stringify(Object.fromEntries(n.req.raw.headers)),auth:{uid:n.var.userId??null,role:p?.role||"anon",jwt:p??null}}',
    ],
  ],
  "/@supabase/lite/dist/db/postgres/PostgresConnection.js": [
    // and here they are set, beside the claims.
    [
      "await sql`SELECT set_config('request.jwt.claim.sub', ${l}, true)`.execute(e)",
      "await sql`SELECT set_config('request.jwt.claim.sub', ${l}, true), set_config('request.headers', ${s.headers??''}, true)`.execute(e)",
    ],
  ],
  "/@supabase/lite/dist/cli/index.js": [
    // Storage answers with a file's stream, whose pieces Node 20 has as ArrayBuffers and then refuses to send: every download
    // would break off after the headers. Photos are small enough to be read whole.
    ['(await he.open(i,"r")).readableWebStream()', "await he.readFile(i)"],
  ],
};

// Node runs hooks in a thread of their own, in which this module is loaded again.
if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  const module = await next(url, context);
  const mend = Object.entries(MENDS).find(([path]) => url.endsWith(path));
  if (!mend) return module;
  let source = String(module.source);
  for (const [broken, mended] of mend[1]) {
    if (!source.includes(broken)) throw new Error("stack/lite_mends.mjs does not know this version of lite");
    source = source.replaceAll(broken, mended);
  }
  return { ...module, source };
}
