// Bundles the page: `node build.mjs [folder]` writes index.html, app.js and app.css, and nothing else.
import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? `${here}dist`;

await mkdir(folder, { recursive: true });
await build({
  entryPoints: { app: `${here}src/main.ts` },
  outdir: folder,
  bundle: true,
  format: "esm",
  // The first that have AbortSignal.any, which the client needs and nothing here brings along.
  target: ["chrome116", "firefox124", "safari17.4"],
  // Without it Svelte's runtime comes with its checks for developers.
  conditions: ["production", "@reservepty/source"],
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});
await copyFile(`${here}src/index.html`, `${folder}/index.html`);
