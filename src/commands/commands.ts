import type { Command } from "./command.ts";

/** Loaded when asked for, so that `--help` does not pay for TensorFlow. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./demo.ts")).demo,
  edge: async () => (await import("./edge.ts")).edge,
  inspect: async () => (await import("./inspect.ts")).inspect,
  train: async () => (await import("./train.ts")).train,
  calibrate: async () => (await import("./calibrate.ts")).calibrate,
  evaluate: async () => (await import("./evaluate.ts")).evaluate,
  quantize: async () => (await import("./quantize.ts")).quantize,
  dataset: async () => (await import("./dataset.ts")).dataset,
  hub: async () => (await import("./hub.ts")).hub,
  diagnose: async () => (await import("./diagnose.ts")).diagnose,
  doctor: async () => (await import("./doctor.ts")).doctor,
  release: async () => (await import("./release.ts")).release,
  bench: async () => (await import("./bench.ts")).bench,
};
