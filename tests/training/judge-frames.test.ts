import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readBundle } from "../../src/training/edit-bundle.ts";
import { judgeFrames, unknownLabelWarnings } from "../../src/training/judge-frames.ts";
import { makeLearningSet } from "../../src/training/learning-set.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { TINY_BUNDLE, writeSpottedParts } from "./spotted-parts.ts";

const runtime = new OnnxProcess();
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-judge-"));
  runtime.start();
  await writeSpottedParts(folder, { good: 6, defective: 6 });
  await writeFile(join(folder, "good/0-0.png"), "no image");
});
afterAll(async () => {
  await runtime.stop();
  await rm(folder, { recursive: true, force: true });
});

const options = async (regions: { mode: "full" } | { mode: "grid"; rows: number; cols: number; marginPx: number }) => {
  const { manifest, files } = await readBundle(TINY_BUNDLE);
  const seen: string[] = [];
  const judgeOptions = {
    classes: manifest.classes,
    input: { widthPx: 32, heightPx: 32 },
    regions,
    runtime,
    onProgress: (done: number, total: number) => void seen.push(`${done}/${total}`),
  };
  return { model: files.get("model.onnx") ?? new Uint8Array(), judgeOptions, seen };
};

test("every readable frame gets the truth of its label and the score of the model", async () => {
  const { model, judgeOptions, seen } = await options({ mode: "full" });
  const set = await makeLearningSet([await readDataFolder(folder)], {});
  const { frames, unreadable } = await judgeFrames(model, set, judgeOptions);
  expect(frames).toHaveLength(11);
  expect(unreadable).toMatchObject([{ file: "good/0-0.png", reason: expect.any(String) }]);
  expect(seen.at(-1)).toBe("12/12");
  for (const frame of frames) {
    expect(frame.truth).toBe(["good", "dark-spot", "bright-spot"].indexOf(frame.label));
    expect(frame.defective).toBe(frame.label !== "good");
    expect(frame.ngScore).toBeCloseTo(1 - (frame.probabilities[0] ?? 0), 5);
    expect(frame.regions).toHaveLength(1);
    expect(frame.group).toMatch(/^0:part\d+$/);
  }
});

test("of a grid the worst region decides, and unmarked defects leave the regions' truth open", async () => {
  const { model, judgeOptions } = await options({ mode: "grid", rows: 2, cols: 2, marginPx: 2 });
  const set = await makeLearningSet([await readDataFolder(folder)], {});
  const { frames } = await judgeFrames(model, set, judgeOptions);
  for (const { regions, ngScore, label } of frames) {
    expect(regions).toHaveLength(4);
    expect(ngScore).toBe(Math.max(...regions.map((region) => region.ngScore)));
    for (const { truth } of regions) expect(truth).toBe(label === "good" ? 0 : null);
  }
});

test("a label the model does not know is a defect, unless it is called good", async () => {
  const { model, judgeOptions } = await options({ mode: "full" });
  const index = await readFile(join(folder, "index.csv"), "utf8");
  const other = join(folder, "other");
  await writeSpottedParts(other, { good: 2, defective: 1 });
  await writeFile(join(other, "index.csv"), index.split("\n").slice(0, 3).join("\n").replaceAll(",good,", ",fine,"));
  const data = await readDataFolder(other);
  const strict = await makeLearningSet([data], { oneKindWillDo: true });
  expect(unknownLabelWarnings(judgeOptions.classes, strict.classes)).toEqual([
    "the model has no class fine; its frames count as defects of unknown class: name it with --good if it is good",
  ]);
  expect((await judgeFrames(model, strict, judgeOptions)).frames[0]).toMatchObject({ truth: -1, defective: true });
  const told = await makeLearningSet([data], { oneKindWillDo: true, goodLabels: ["fine"] });
  expect((await judgeFrames(model, told, judgeOptions)).frames[0]).toMatchObject({ truth: 0, defective: false });
});
