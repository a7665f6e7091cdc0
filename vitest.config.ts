import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // onnxruntime-node aborts when it is loaded twice in one environment: one process a file, no module resets.
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
