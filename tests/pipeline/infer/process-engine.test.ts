import { readdir } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import type { InferenceResult } from "../../../src/pipeline/infer/inference-engine.ts";
import { openBundle } from "../../../src/pipeline/infer/open-bundle.ts";
import { silentLogger, type Logger } from "../../../src/platform/logger.ts";
import { editedBundle, replaceBytes } from "./edited-bundle.ts";
import { CLASS_NAMES, codeOf, engineUnderTest, errorOf, partPixels } from "./engine-under-test.ts";
import { TINY_BUNDLE } from "./tiny-bundle-path.ts";

const bestClass = ({ probabilities }: InferenceResult, region = 0): string | undefined => {
  const row = [...probabilities.subarray(region * 3, region * 3 + 3)];
  return CLASS_NAMES[row.indexOf(Math.max(...row))];
};

describe("ProcessEngine", () => {
  it("tells a good part from a dark and a bright spot, alone and in one batch", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const { modelSha256 } = await loadTiny(engine);
    const parts = await Promise.all(CLASS_NAMES.map(partPixels));
    for (const [at, pixels] of parts.entries()) {
      expect(bestClass(await engine.infer(modelSha256, { pixels, count: 1 }))).toBe(CLASS_NAMES[at]);
    }
    const batch = await engine.infer(modelSha256, { pixels: Buffer.concat(parts), count: 3 });
    expect([0, 1, 2].map((region) => bestClass(batch, region))).toEqual(CLASS_NAMES);
    expect([batch.embedding.length, batch.heatmap.length]).toEqual([3 * 4, 3 * 3 * 8 * 8]);
    expect([batch.heatmapHeight, batch.heatmapWidth]).toEqual([8, 8]);
    // The dark spot lies at row 12, column 18 of 32: cell (3, 4) of 8 x 8 in the heatmap of class 1 of region 1.
    const darkMap = [...batch.heatmap.subarray((1 * 3 + 1) * 64, (1 * 3 + 2) * 64)];
    expect([2 * 8 + 4, 3 * 8 + 4]).toContain(darkMap.indexOf(Math.max(...darkMap)));
  });

  it("has read the pixels when the call returns, so that the caller may reuse the buffer", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const { modelSha256 } = await loadTiny(engine);
    const shared = new Uint8Array(32 * 32 * 3);
    const answers = [];
    for (let at = 0; at < 9; at++) {
      shared.set(await partPixels(CLASS_NAMES[at % 3] ?? "good"));
      answers.push(engine.infer(modelSha256, { pixels: shared, count: 1 }));
      shared.fill(0);
    }
    const classes = (await Promise.all(answers)).map((answer) => bestClass(answer));
    expect(classes).toEqual([...CLASS_NAMES, ...CLASS_NAMES, ...CLASS_NAMES]);
  });

  it("refuses what is no request, an unknown model and more requests than it has room for", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const { modelSha256 } = await loadTiny(engine);
    const pixels = new Uint8Array(32 * 32 * 3).fill(128);
    expect((await errorOf(engine.infer("ff", { pixels, count: 1 }))).detail).toBe("no model ff is loaded");
    const short = await errorOf(engine.infer(modelSha256, { pixels, count: 2 }));
    expect(short.detail).toContain("has 3072 bytes, not 6144");
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => engine.infer(modelSha256, { pixels, count: 1 })),
    );
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(50 - 10);
    expect(await codeOf(engine.infer("ff", { pixels, count: 1 }))).toBe("INFERENCE_FAILED");
    await expect(engine.infer(modelSha256, { pixels, count: 1 })).resolves.toBeDefined();
  });

  it("falls back to the CPU with a recorded and logged reason for each provider before it", async () => {
    const warnings: object[] = [];
    const log: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields), child: () => log };
    const engine = engineUnderTest({ provider: "auto" }, log);
    await engine.start();
    await loadTiny(engine);
    const { provider, fallbacks, ready } = engine.status();
    expect([provider, ready]).toEqual(["cpu", true]);
    expect(fallbacks.map((each) => each.provider)).toEqual(["tensorrt", "cuda"]);
    for (const { reason } of fallbacks) expect(reason).toBe("its libraries are not installed");
    expect(warnings).toEqual(fallbacks);
  });

  it("refuses to start without a required provider and says what to do", async () => {
    const engine = engineUnderTest({ provider: "cuda" });
    const error = await errorOf(engine.start());
    expect(error.code).toBe("PROVIDER_ABSENT");
    expect(error.detail).toMatch(/^cuda is required but its libraries are not installed; /);
    expect(error.detail).toContain("ONNXRUNTIME_NODE_INSTALL=true npm rebuild onnxruntime-node");
    expect(engine.status().pids).toEqual([]);
  });

  it("refuses a model that does not reproduce its golden frames, and goes on with the one before", async () => {
    const engine = engineUnderTest({ processes: 2 });
    await engine.start();
    const { modelSha256 } = await loadTiny(engine);
    const wrong = await editedBundle({
      model: (bytes) => Buffer.concat([bytes, Buffer.from([0x2a, 0])]),
      manifest: ({ golden }) => Object.assign(golden[1]?.scores ?? {}, { good: 0.9, "dark-spot": 0.05 }),
    });
    const error = await errorOf(openBundle(wrong).then((bundle) => engine.load(bundle)));
    expect(error.code).toBe("GOLDEN_MISMATCH");
    expect(error.detail).toMatch(/golden\/dark-spot\.png should score 0\.9 for good but scores 0\.0054\d+ on cpu/);
    await expect(engine.infer(modelSha256, { pixels: await partPixels("good"), count: 1 })).resolves.toBeDefined();
    expect(engine.status()).toMatchObject({ restarts: 0, ready: true, loading: null });
  });

  it("refuses a graph whose signature is another than the manifest's", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const other = await editedBundle({ manifest: (manifest) => (manifest.input.width = 64) });
    const error = await errorOf(openBundle(other).then((bundle) => engine.load(bundle)));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.detail).toMatch(/model\.onnx lacks the right input: image uint8 \[\*,32,64,3\] is wanted/);
    const renamed = await editedBundle({
      model: (bytes) => replaceBytes(bytes, Buffer.from("embedding"), Buffer.from("embeddinG")),
    });
    const second = await errorOf(openBundle(renamed).then((bundle) => engine.load(bundle)));
    expect(second.detail).toMatch(/model\.onnx lacks the right output: embedding float32 \[\*,\*\] is missing/);
    expect(engine.status()).toMatchObject({ ready: false, provider: null, restarts: 0 });
  });

  it("refuses a truncated model and one that changed after its bundle was opened", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const truncated = await editedBundle({ model: (bytes) => bytes.subarray(0, 700) });
    const error = await errorOf(openBundle(truncated).then((bundle) => engine.load(bundle)));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.detail).toMatch(/model\.onnx cannot be loaded: /);
    const opened = await openBundle(await editedBundle());
    const swapped = { ...opened, directoryPath: truncated, modelSha256: opened.modelSha256 };
    expect((await errorOf(engine.load(swapped))).detail).toMatch(/model\.onnx changed after its bundle was checked/);
  });

  it("fails an inference whose outputs are no numbers instead of guessing", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const [one, notANumber] = [Buffer.alloc(4), Buffer.alloc(4)];
    one.writeFloatLE(1 / 255);
    notANumber.writeFloatLE(Number.NaN);
    const broken = await editedBundle({ model: (bytes) => replaceBytes(bytes, one, notANumber) });
    const error = await errorOf(openBundle(broken).then((bundle) => engine.load(bundle)));
    expect(error.code).toBe("INFERENCE_FAILED");
    expect(error.detail).toMatch(/model tiny gave no answer: the output \w+ holds a value that is not a finite number/);
  });

  it("keeps several models side by side and forgets one on request", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const first = await loadTiny(engine);
    // A model version field appended: another hash, the same graph.
    const second = await openBundle(
      await editedBundle({ model: (bytes) => Buffer.concat([bytes, Buffer.from([0x28, 7])]) }),
    );
    await engine.load(second);
    const pixels = await partPixels("dark-spot");
    expect(bestClass(await engine.infer(second.modelSha256, { pixels, count: 1 }))).toBe("dark-spot");
    await engine.unload(first.modelSha256);
    expect(await codeOf(engine.infer(first.modelSha256, { pixels, count: 1 }))).toBe("INFERENCE_FAILED");
    expect(bestClass(await engine.infer(second.modelSha256, { pixels, count: 1 }))).toBe("dark-spot");
  });

  it("lets recipes share a graph, but not with other classes, and loads nothing unless it runs", async () => {
    const engine = engineUnderTest();
    expect(await codeOf(loadTiny(engine))).toBe("INFERENCE_FAILED");
    await engine.start();
    await loadTiny(engine);
    const stricter = await editedBundle({ manifest: ({ decision }) => (decision.rejectFrom = 0.9) });
    await engine.load(await openBundle(stricter));
    const other = await editedBundle({
      manifest: ({ classes }) => classes.forEach((each) => (each.kind = each.kind === "good" ? "defect" : "good")),
    });
    const error = await errorOf(openBundle(other).then((bundle) => engine.load(bundle)));
    expect([error.code, error.detail]).toEqual(["BUNDLE_INVALID", expect.stringContaining("but other classes")]);
  });

  it("leaves nothing in /dev/shm, not even while it runs", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const names = await readdir("/dev/shm").catch(() => []);
    // Another test, running beside this one, may keep the workbench's images there.
    const ours = names.filter((name) => name.startsWith("sightline-") && !name.startsWith("sightline-workbench-"));
    expect(ours).toEqual([]);
  });

  it("leaves the device's event loop free during 500 inferences", async () => {
    const engine = engineUnderTest();
    await engine.start();
    const { modelSha256 } = await loadTiny(engine);
    const count = 512;
    const pixels = new Uint8Array(count * 32 * 32 * 3).fill(128);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const before = performance.eventLoopUtilization();
    for (let at = 0; at < 500; at++) await engine.infer(modelSha256, { pixels, count });
    const { utilization } = performance.eventLoopUtilization(before);
    delay.disable();
    console.log(`event loop busy ${utilization.toFixed(2)}, delay p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
    // Runs on this thread would keep it busy all the time; a share, because a loaded machine delays everybody.
    expect(utilization).toBeLessThan(0.7);
  });
});

async function loadTiny(engine: ReturnType<typeof engineUnderTest>): Promise<{ modelSha256: string }> {
  const bundle = await openBundle(TINY_BUNDLE);
  await engine.load(bundle);
  return bundle;
}
