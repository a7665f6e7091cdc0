import { existsSync } from "node:fs";
import { SightlineError } from "../contracts/errors.ts";
import { CameraConfig as CameraConfigSchema, openFrameSource, type CameraConfig } from "../edge/camera-config.ts";
import { recipeOfBundle, type Recipe } from "../edge/recipe.ts";
import { RecipeStages } from "../edge/recipe-stages.ts";
import { inferenceSlots, openEngine } from "../edge/open-engine.ts";
import { answer } from "../pipeline/answer.ts";
import type { Exposure } from "../pipeline/capture/frame-source.ts";
import type { CapturedFrame } from "../pipeline/frame.ts";
import type { InferenceEngine } from "../pipeline/infer/inference-engine.ts";
import { openBundle } from "../pipeline/infer/open-bundle.ts";
import { BatchPool } from "../pipeline/preprocess/batch-pool.ts";
import { inspect as inspectPart, type InspectionRecord } from "../pipeline/inspect.ts";
import { systemClock as clock, type MonotonicMs } from "../platform/clock.ts";
import { createLogger } from "../platform/logger.ts";
import { Slots } from "../platform/slots.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";

const HELP = `usage: sightline inspect --model DIR --source PATH|URL [options]

Verdicts for images, a folder of images (any depth), a video file or a stream.

  --model DIR       model bundle
  --source X        image, folder, video file, rtsp:// or http:// stream
  --provider NAME   auto (default), tensorrt, cuda or cpu; a named one is required
  --limit N         stop after N frames
  --json            JSON Lines on stdout: {frame, verdict, class, score, scores, regions, latencyMs}; score is the NG score
`;

const VIDEO_FILE = /\.(mp4|mkv|avi|mov|webm|ts|mpg|mpeg|m4v)$/i;
/** A file that takes longer than this is a fault: model stuck, disk gone. */
const DEADLINE_MS = 60_000;

/** One line of the output. */
interface InspectedFrame {
  readonly frame: string | number;
  readonly verdict: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly class: string | null;
  readonly score: number | null;
  readonly scores: Readonly<Record<string, number>>;
  readonly regions: readonly object[];
  readonly latencyMs: { readonly preprocess: number; readonly infer: number; readonly total: number };
}

export const inspect: Command = {
  name: "inspect",
  summary: "verdicts for images, a folder, a video or a stream",
  async run(args) {
    const options = parseCommandLine(args, {
      model: { type: "string" },
      source: { type: "string" },
      provider: { type: "string", default: "auto" },
      limit: { type: "string" },
      json: { type: "boolean", default: false },
    });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const camera = cameraOf(required(options.source, "source"));
    const provider = providerOf(options.provider);
    const limit = options.limit === undefined ? Infinity : wholeNumber(options.limit, "limit");
    const log = createLogger({ level: "warn", format: "auto" });
    const bundle = await openBundle(required(options.model, "model"));
    const engine = openEngine({ provider, clock, log });
    await engine.start();
    try {
      await engine.load(bundle);
      return await inspectAll({
        camera,
        engine,
        recipe: recipeOfBundle(bundle, DEADLINE_MS),
        limit,
        json: options.json,
      });
    } finally {
      await engine.stop();
    }
  },
};

interface Job {
  readonly camera: CameraConfig;
  readonly engine: InferenceEngine;
  readonly recipe: Recipe;
  readonly limit: number;
  readonly json: boolean;
}

/** Keeps every inference process busy and prints in the order of the source. */
async function inspectAll({ camera, engine, recipe, limit, json }: Job): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once("SIGINT", onSignal);
  const inFlight = inferenceSlots({});
  const slots = new Slots(inFlight);
  const batches = new BatchPool();
  const waiting: Promise<InspectedFrame>[] = [];
  const counts = new Map<string, number>();
  const startTick = clock.tick();
  let frames = 0;
  const print = (inspected: InspectedFrame): void => {
    counts.set(inspected.verdict, (counts.get(inspected.verdict) ?? 0) + 1);
    process.stdout.write(json ? `${JSON.stringify(inspected)}\n` : `${readable(inspected)}\n`);
  };
  try {
    for await (const exposure of openFrameSource(camera, clock).exposures(interrupt.signal)) {
      waiting.push(
        inspectExposure(
          { ...exposure, seq: frames++ },
          { engine, recipe, slots, batches, isStill: camera.type === "directory" },
        ),
      );
      const due = waiting.length > inFlight ? waiting.shift() : undefined;
      if (due !== undefined) print(await due);
      if (frames >= limit) break;
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error; // at Ctrl-C what was inspected so far still counts
  } finally {
    // Also when the source fails: these frames are inspected.
    for (const inspected of waiting) print(await inspected);
    process.removeListener("SIGINT", onSignal);
    summarise(frames, counts, clock.tick() - startTick);
  }
  return frames === 0 || counts.get("fault") === frames ? 1 : 0;
}

function summarise(frames: number, counts: ReadonlyMap<string, number>, elapsedMs: number): void {
  const parts = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
  const rate = ((frames * 1000) / Math.max(1, elapsedMs)).toFixed(1);
  process.stderr.write(
    `${frames} frames in ${(elapsedMs / 1000).toFixed(1)} s (${rate}/s): ${parts || "nothing to inspect"}\n`,
  );
}

interface World {
  readonly engine: InferenceEngine;
  readonly recipe: Recipe;
  readonly slots: Slots;
  readonly batches: BatchPool;
  /** Each file is one image: its name says more than a number. */
  readonly isStill: boolean;
}

async function inspectExposure(
  frame: CapturedFrame & Exposure,
  { engine, recipe, slots, batches, isStill }: World,
): Promise<InspectedFrame> {
  const startTick = clock.tick();
  const record: InspectionRecord = {
    frame,
    capturedTick: undefined,
    preprocessedTick: undefined,
    inferredTick: undefined,
  };
  const stages = new RecipeStages(recipe, {
    engine,
    slots,
    batches,
    memory: { previous: undefined },
    capture: async () => frame,
    live: false,
  });
  const dueTick = (startTick + recipe.deadlineMs) as MonotonicMs;
  const outcome = await answer({ clock, dueTick, shutdown: new AbortController().signal }, (signal) =>
    inspectPart(stages, { clock, record, signal }),
  );
  const { file } = frame.metadata;
  const common = {
    frame: isStill && typeof file === "string" ? file : frame.seq,
    latencyMs: latencyOf(record, startTick),
  };
  if (outcome.kind === "fault") {
    const { reason, detail } = outcome;
    return { ...common, verdict: "fault", reason, detail, class: null, score: null, scores: {}, regions: [] };
  }
  const { verdict, score, scores, regions } = outcome.decision;
  return { ...common, verdict, class: outcome.decision.class, score, scores, regions };
}

function latencyOf(record: InspectionRecord, startTick: MonotonicMs): InspectedFrame["latencyMs"] {
  const span = (from: number | undefined, to: number | undefined): number =>
    from === undefined || to === undefined ? 0 : Math.round((to - from) * 100) / 100;
  return {
    preprocess: span(record.capturedTick, record.preprocessedTick),
    infer: span(record.preprocessedTick, record.inferredTick),
    total: span(startTick, clock.tick()),
  };
}

function readable(inspected: InspectedFrame): string {
  const { verdict, score, frame } = inspected;
  const what =
    verdict === "fault" ? `${inspected.reason}: ${inspected.detail}` : `${inspected.class} (NG ${score?.toFixed(3)})`;
  return `${verdict.toUpperCase().padEnd(6)}  ${frame}  ${what}  ${inspected.latencyMs.total.toFixed(1)} ms`;
}

function cameraOf(source: string): CameraConfig {
  if (/^rtsps?:\/\//.test(source)) return cameraConfig({ type: "rtsp", url: source });
  if (/^https?:\/\//.test(source)) return cameraConfig({ type: "http", url: source });
  if (!existsSync(source))
    throw new SightlineError(
      "USAGE",
      `--source ${source} does not exist; give an image, a folder, a video file or a stream's URL`,
    );
  return cameraConfig({ type: VIDEO_FILE.test(source) ? "video" : "directory", path: source });
}

function cameraConfig(raw: object): CameraConfig {
  const parsed = CameraConfigSchema.safeParse(raw);
  if (!parsed.success)
    throw new SightlineError("USAGE", `--source: ${parsed.error.issues[0]?.message ?? "not usable"}`);
  return parsed.data;
}

const PROVIDERS = ["auto", "tensorrt", "cuda", "cpu"] as const;

function providerOf(name: string): (typeof PROVIDERS)[number] {
  const provider = PROVIDERS.find((candidate) => candidate === name);
  if (provider === undefined)
    throw new SightlineError("USAGE", `--provider ${name} is none of ${PROVIDERS.join(", ")}`);
  return provider;
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new SightlineError("USAGE", `--${option} takes a whole number from 1 on, not "${text}"`);
  return value;
}
