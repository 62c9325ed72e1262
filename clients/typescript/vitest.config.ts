import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // Longer than the wire tests' own deadlines, which say what was waited for.
    testTimeout: 60_000,
    maxWorkers: 2,
    minWorkers: 2,
    restoreMocks: true,
  },
});
