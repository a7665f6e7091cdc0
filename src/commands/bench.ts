import { SightlineError } from "../contracts/errors.ts";
import { nearestWord } from "../platform/nearest-word.ts";
import { findSection } from "./bench/write-section.ts";
import type { Command } from "./command.ts";

const HELP = `usage: sightline bench WORKLOAD [options]

Measures on this machine, beside the bare ONNX Runtime loop and beside peers in the same run. Quote ratios and medians.

  pipeline   JPEG files and raw frames through the whole runtime
  soak       many frames: does memory grow, does anything get lost
  finetune   training steps a second, beside PyTorch
  hub        cases in and out of the hub, at sizes up to a million
  quantize   int8 beside float32 and beside another quantiser: size, time, accuracy
  drift      how soon a change of the camera is found, and how often there is an alarm for nothing
  active-learning  labels needed when frames are chosen, beside chance

sightline bench WORKLOAD --help says more.
`;

const WORKLOADS: Readonly<Record<string, () => Promise<(args: string[]) => Promise<number>>>> = {
  pipeline: async () => (await import("./bench/pipeline.ts")).benchPipeline,
  soak: async () => (await import("./bench/soak.ts")).benchSoak,
  finetune: async () => (await import("./bench/finetune.ts")).benchFinetune,
  hub: async () => (await import("./bench/hub.ts")).benchHub,
  quantize: async () => (await import("./bench/quantize.ts")).benchQuantize,
  "active-learning": async () => (await import("./bench/active-learning.ts")).benchActiveLearning,
  drift: async () => (await import("./bench/drift.ts")).benchDrift,
};

export const bench: Command = {
  name: "bench",
  summary: "the figures in docs/benchmarks.md",
  async run([workload, ...args]) {
    if (workload === undefined || workload === "--help" || workload === "-h") {
      process.stdout.write(HELP);
      return workload === undefined ? 2 : 0;
    }
    const load = WORKLOADS[workload];
    if (load !== undefined) {
      const write = args.findIndex((arg) => arg === "--write");
      const path = args[write + 1];
      if (write >= 0 && path !== undefined) await findSection(path, workload);
      return (await load())(args);
    }
    const meant = nearestWord(workload, Object.keys(WORKLOADS));
    throw new SightlineError(
      "USAGE",
      `there is no workload "${workload}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    );
  },
};
