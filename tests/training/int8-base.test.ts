import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { train } from "../../src/commands/train.ts";
import { decodeModel } from "../../src/onnx/model-file.ts";
import { isQuantized } from "../../src/training/is-quantized.ts";
import { captured } from "../commands/captured-output.ts";

const SHIPPED = new URL("../../models/tile-surface/model.onnx", import.meta.url).pathname;

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), "sightline-int8-base-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const run = (out: string, layers: string) =>
  captured(() => train.run(["--base", SHIPPED, "--simulated", "60", "--layers", layers, "--out", out, "--json"]));

test("a head is trained on the int8 model that ships, and the result is that model with another head", async () => {
  const out = join(place(), "tiles");
  const { code, stderr } = await run(out, "head");
  expect(code, stderr).toBe(0);
  const model = decodeModel(readFileSync(join(out, "model.onnx")));
  expect(isQuantized(model)).toBe(true);
  const weights = (path: string) =>
    decodeModel(readFileSync(path)).graph.initializer.find(({ name }) => name === "conv_pw_12_conv.weight.quantized");
  expect(weights(join(out, "model.onnx"))).toEqual(weights(SHIPPED));
}, 180_000);

test("layers below the head are refused on an int8 base, with what would do", async () => {
  await expect(run(join(place(), "tiles"), "last:2")).rejects.toThrow(/only a head can be trained on it.*checkpoint/);
}, 120_000);
