import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Without this one processor is left out, which is half of a machine with two.
    maxWorkers: "100%",
    // Loading the engine anew for every file took as long as the tests. Nothing in it is changed by being used.
    isolate: false,
  },
});
