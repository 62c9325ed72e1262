// Loaded before lite. lite writes a function's json arguments as text, and its driver writes that text as JSON once
// more: `[1]` would arrive as the string "[1]". PostgREST does not do that. The driver alone does it right.
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const TWICE = 'x=E==="json"||E==="array"&&!Array.isArray(_)?ao(_):_';
const ONCE = 'x=E==="array"&&!Array.isArray(_)?ao(_):_';

// Node runs hooks in a thread of their own, in which this module is loaded again.
if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  const module = await next(url, context);
  if (!url.endsWith("/@supabase/lite/dist/index.js")) return module;
  const source = String(module.source);
  if (!source.includes(TWICE)) throw new Error("stack/lite_json.mjs does not know this version of lite");
  return { ...module, source: source.replace(TWICE, ONCE) };
}
