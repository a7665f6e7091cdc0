import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { seededRandom } from "../platform/random.ts";
import type { InputSizePx } from "./model-pixels.ts";
import type { SpeedFigure } from "./evaluation.ts";
import { quantile } from "../statistics/intervals.ts";
import type { OnnxProcess } from "./onnx-process.ts";

const WARM_UPS = 3;
const MOST_RUNS = 100;
const LEAST_RUNS = 10;
const LONGEST_MS = 5000;

/** Times one frame's regions through a model on a number of threads; `tickMs` is a monotonic clock. */
export async function measureSpeed(
  model: Uint8Array,
  job: {
    readonly input: InputSizePx;
    readonly regionsPerFrame: number;
    readonly threads: number;
    readonly runtime: OnnxProcess;
    readonly tickMs: () => number;
  },
): Promise<SpeedFigure> {
  const { runtime, threads, tickMs } = job;
  const dims = [job.regionsPerFrame, job.input.heightPx, job.input.widthPx, 3];
  const random = seededRandom(1);
  const data = Uint8Array.from({ length: dims.reduce((product, side) => product * side, 1) }, () => 256 * random());
  await runtime.load(model, threads);
  const run = () => runtime.run([{ name: MODEL_INPUT, type: "uint8", data, dims }], ["probabilities"]);
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) await run();
  const times: number[] = [];
  const started = tickMs();
  while (times.length < LEAST_RUNS || (times.length < MOST_RUNS && tickMs() - started < LONGEST_MS)) {
    const begun = tickMs();
    await run();
    times.push(tickMs() - begun);
  }
  times.sort((a, b) => a - b);
  return { threads, runs: times.length, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}
