import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { "@reservepty/client": fileURLToPath(new URL("src/index.ts", import.meta.url)) } },
  test: {
    include: ["tests/**/*.test.ts"],
    // Longer than the wire tests' own deadlines, which say what was waited for.
    testTimeout: 60_000,
    maxWorkers: 2,
    minWorkers: 2,
    restoreMocks: true,
  },
});
