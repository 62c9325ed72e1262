import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // On two cores that are shared, a stream may take its time; nothing here waits for a clock but with a deadline.
    testTimeout: 20_000,
    maxWorkers: 2,
    minWorkers: 2,
    restoreMocks: true,
  },
});
