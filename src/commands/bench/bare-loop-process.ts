import { InferenceSession, Tensor } from "onnxruntime-node";
import { MODEL_INPUT } from "../../contracts/model-bundle.ts";

/**
 * The limit: `session.run` in a loop on one prepared input, nothing else. A process of its own, as a user would write
 * it. Prints one JSON line: {runs, elapsedMs, p50Ms, p99Ms}. Arguments: MODEL HEIGHT WIDTH THREADS RUNS.
 */
const [modelPath = "", height, width, threads, runs] = process.argv.slice(2);
const session = await InferenceSession.create(modelPath, { intraOpNumThreads: Number(threads) });
const dims = [1, Number(height), Number(width), 3];
const pixels = Uint8Array.from({ length: Number(height) * Number(width) * 3 }, (_, at) => (at * 2654435761) >>> 24);
const feeds = { [MODEL_INPUT]: new Tensor("uint8", pixels, dims) };
for (let warmUp = 0; warmUp < 20; warmUp++) await session.run(feeds);
process.send?.("ready");
await new Promise<void>((resolve) => process.once("message", () => resolve()));
const latenciesMs: number[] = [];
const startedTick = performance.now();
for (let run = 0; run < Number(runs); run++) {
  const runTick = performance.now();
  await session.run(feeds);
  latenciesMs.push(performance.now() - runTick);
}
const elapsedMs = performance.now() - startedTick;
latenciesMs.sort((left, right) => left - right);
const at = (share: number): number => latenciesMs[Math.floor(share * latenciesMs.length)] ?? 0;
process.send?.({ runs: latenciesMs.length, elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99) }, () => process.disconnect());
