import { openBundle } from "../../../src/pipeline/infer/open-bundle.ts";
import { ProcessEngine } from "../../../src/pipeline/infer/process-engine.ts";
import { preprocess } from "../../../src/pipeline/preprocess/preprocess.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { TINY_BUNDLE } from "./tiny-bundle-path.ts";

/** Program of supervision.test.ts: a device that infers without end, until it is killed. */
const engine = new ProcessEngine(
  { processes: 2, threadsPerProcess: 1, provider: "cpu" },
  { clock: systemClock, log: silentLogger, preprocess },
);
await engine.start();
const { modelSha256 } = await loadTiny();
process.send?.({ pids: engine.status().pids });
for (;;) await engine.infer(modelSha256, { pixels: new Uint8Array(32 * 32 * 3), count: 1 });

async function loadTiny(): Promise<{ modelSha256: string }> {
  const bundle = await openBundle(TINY_BUNDLE);
  await engine.load(bundle);
  return bundle;
}
