import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inferenceChecks, judgeProviders } from "../../../src/edge/doctor/inference-checks.ts";
import type { Finding } from "../../../src/edge/doctor/finding.ts";
import type { ProviderChoice } from "../../../src/pipeline/infer/providers.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { configFor, TINY_BUNDLE } from "./config-for.ts";

let bundle: string;
beforeEach(() => {
  bundle = join(mkdtempSync(join(tmpdir(), "sightline-bundle-")), "tiny");
  cpSync(TINY_BUNDLE, bundle, { recursive: true });
});
afterEach(() => rmSync(join(bundle, ".."), { recursive: true, force: true }));

async function findings(
  more: { provider?: ProviderChoice; runModel?: boolean } = {},
): Promise<Record<string, Finding>> {
  const recipes = configFor("/").recipes.map((recipe) => ({ ...recipe, model: bundle }));
  const checks = inferenceChecks({
    provider: more.provider ?? "cpu",
    recipes,
    runModel: more.runModel ?? false,
    clock: systemClock,
    log: silentLogger,
  });
  const result: Record<string, Finding> = {};
  for (const { name, look } of checks) result[name] = await look();
  return result;
}

const edit = (change: (manifest: Record<string, unknown>) => void): void => {
  const path = join(bundle, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  change(manifest);
  writeFileSync(path, JSON.stringify(manifest));
};

test("a good bundle is opened, and reproduces its golden frames", async () => {
  expect((await findings())["recipe tiny"]).toMatchObject({
    level: "ok",
    sentence: expect.stringContaining("hashes and schema fit"),
  });
  const ran = await findings({ runModel: true });
  expect(ran["inference"]).toMatchObject({ level: "ok", sentence: "onnxruntime runs on cpu" });
  expect(ran["recipe tiny"]).toMatchObject({
    level: "ok",
    sentence: expect.stringContaining("3 golden frames agree on cpu"),
  });
});

test("one flipped bit in the model is a failure that names the file", async () => {
  const model = readFileSync(join(bundle, "model.onnx"));
  model[100] = (model[100] ?? 0) ^ 1;
  writeFileSync(join(bundle, "model.onnx"), model);
  expect((await findings())["recipe tiny"]).toMatchObject({
    level: "failure",
    sentence: expect.stringContaining("model.onnx has SHA-256"),
  });
});

test("golden frames that come out differently are a failure only the run finds", async () => {
  edit((manifest) => {
    const golden = manifest["golden"] as { scores: Record<string, number> }[];
    for (const frame of golden) frame.scores = { good: 0.1, "dark-spot": 0.2, "bright-spot": 0.7 };
  });
  expect((await findings())["recipe tiny"]?.level).toBe("ok");
  expect((await findings({ runModel: true }))["recipe tiny"]).toMatchObject({
    level: "failure",
    remedy: expect.stringContaining("must not use it"),
  });
});

test("a missing bundle is a failure", async () => {
  rmSync(bundle, { recursive: true });
  expect((await findings())["recipe tiny"]).toMatchObject({
    level: "failure",
    sentence: expect.stringContaining("manifest.json cannot be read"),
  });
});

test("a CPU in use beside a GPU is a warning, unless it was asked for", () => {
  const fallbacks = [
    { provider: "tensorrt", reason: "r1" },
    { provider: "cuda", reason: "r2" },
  ] as const;
  const status = { provider: null, fallbacks, restarts: 0, processes: 1, ready: false, loading: null, pids: [] };
  expect(judgeProviders("auto", status, true)).toMatchObject({
    level: "warning",
    sentence: "onnxruntime runs on cpu; not tensorrt: r1; not cuda: r2",
  });
  expect(judgeProviders("auto", status, false).level).toBe("ok");
  expect(judgeProviders("cpu", { ...status, fallbacks: [] }, true).level).toBe("ok");
});

test("a required provider that is absent is a failure", async () => {
  const { inference } = await findings({ provider: "tensorrt" });
  // Ok only on a machine that really has TensorRT.
  if (inference?.level === "ok") expect(inference.sentence).toBe("onnxruntime runs on tensorrt");
  else
    expect(inference).toMatchObject({
      level: "failure",
      sentence: expect.stringContaining("tensorrt is required but"),
    });
});
