// Loaded before lite, and mends two expressions of it. It knows its version of lite by their text and refuses another:
// raise the version of lite and this file together.
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const MENDS = {
  // lite writes a function's json arguments as text, and its driver writes that text as JSON once more: `[1]` would arrive
  // as the string "[1]". PostgREST does not do that. The driver alone does it right.
  "/@supabase/lite/dist/index.js": [
    'x=E==="json"||E==="array"&&!Array.isArray(_)?ao(_):_',
    'x=E==="array"&&!Array.isArray(_)?ao(_):_',
  ],
  // Storage answers with a file's stream, whose pieces Node 20 has as ArrayBuffers and then refuses to send: every download
  // would break off after the headers. Photos are small enough to be read whole.
  "/@supabase/lite/dist/cli/index.js": ['(await he.open(i,"r")).readableWebStream()', "await he.readFile(i)"],
};

// Node runs hooks in a thread of their own, in which this module is loaded again.
if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  const module = await next(url, context);
  const mend = Object.entries(MENDS).find(([path]) => url.endsWith(path));
  if (!mend) return module;
  const [, [broken, mended]] = mend;
  const source = String(module.source);
  if (!source.includes(broken)) throw new Error("stack/lite_mends.mjs does not know this version of lite");
  return { ...module, source: source.replaceAll(broken, mended) };
}
