// Modules of the page, without a browser.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export async function load(module) {
  const entry = fileURLToPath(new URL(`../../clients/calendar/src/${module}.ts`, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    conditions: ["@reservepty/source"],
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
