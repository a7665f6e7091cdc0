import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // onnxruntime-node aborts when it is loaded twice in one environment: one process a file, no module resets.
    pool: "forks",
    // Most files wait for processes, disks and clocks rather than for a core; by default two cores get one worker.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // CI's machine is shared and tests use real processes and disks: one more try there, none at a desk.
    retry: process.env["CI"] === undefined ? 0 : 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
