import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodePng } from "../../src/imaging/encode-jpeg.ts";
import { decodeModel, encodeModel } from "../../src/onnx/model-file.ts";
import { openBundle } from "../../src/pipeline/infer/open-bundle.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { augmentationSettings } from "../../src/training/augmentation.ts";
import { loadBase, loadBaseHead, loadBaseTopShare } from "../../src/training/base-model.ts";
import { csvLine } from "../../src/platform/csv.ts";
import type { FineTunePosition } from "../../src/training/finetune/fine-tune.ts";
import { TrainingProcess } from "../../src/training/finetune/training-process.ts";
import { makeLearningSet } from "../../src/training/learning-set.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { type BundleJob, trainBundle, type WrittenBundle } from "../../src/training/train-bundle.ts";
import { HEAD_DEFAULTS } from "../../src/training/train-head.ts";
import { FINE_TUNING_DEFAULTS, SAMPLING_DEFAULTS } from "../../src/training/training-defaults.ts";
import { tinyBackbone } from "./tiny-backbone.ts";

const SIDE_PX = 32;
const runtime = new OnnxProcess();
const training = new TrainingProcess();
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-train-"));
  runtime.start();
  training.start();
  await writeFile(join(folder, "backbone.onnx"), encodeModel(tinyBackbone()));
  await writeParts(join(folder, "data"));
});
afterAll(async () => {
  await runtime.stop();
  await training.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Ten parts of each class, two frames a part: grey, dark or bright with noise; one file that is no image. */
async function writeParts(path: string): Promise<void> {
  const random = seededRandom(1);
  let index = csvLine(["file", "label", "part"]);
  for (const [label, grey] of [
    ["good", 120],
    ["dark", 60],
    ["bright", 190],
  ] as const) {
    await mkdir(join(path, label), { recursive: true });
    for (let frame = 0; frame < 20; frame++) {
      const pixels = Uint8Array.from({ length: SIDE_PX * SIDE_PX }, () => grey + random() * 30);
      const file = `${label}/${frame}.png`;
      await writeFile(join(path, file), await encodePng({ pixels, widthPx: SIDE_PX, heightPx: SIDE_PX, channels: 1 }));
      index += csvLine([file, label, `${label}${frame >> 1}`]);
    }
  }
  await writeFile(join(path, "good/broken.png"), "no image");
  await writeFile(join(path, "index.csv"), `${index}good/broken.png,good,broken\n`);
}

async function trained(outName: string, changes: Partial<BundleJob> = {}): Promise<WrittenBundle> {
  const size = { widthPx: SIDE_PX, heightPx: SIDE_PX };
  const data = await readDataFolder(join(folder, "data"));
  return trainBundle({
    ...size,
    outPath: join(folder, outName),
    name: "tiny",
    version: "1.0.0",
    backbone: await loadBase(join(folder, "backbone.onnx"), size),
    set: await makeLearningSet([data], {}),
    folders: [data],
    folderNames: ["data"],
    licence: "Made by this test.",
    layers: { kind: "head" },
    regions: { mode: "full" },
    head: { ...HEAD_DEFAULTS, maxEpochs: 30, learningRate: 0.05 },
    fineTuning: FINE_TUNING_DEFAULTS,
    ...SAMPLING_DEFAULTS,
    augmentation: augmentationSettings("none"),
    epochs: 2,
    folds: 1,
    joinLookalikes: false,
    topShare: null,
    validationShare: 0.3,
    refit: false,
    judgedHead: null,
    seed: 1,
    runtime,
    training,
    cachePath: join(folder, "cache"),
    positionsOf: null,
    signal: new AbortController().signal,
    options: { seed: 1 },
    createdAt: "2026-01-01T00:00:00.000Z",
    onProgress: () => undefined,
    onWarning: () => undefined,
    ...changes,
  });
}

const modelBytes = (name: string) => readFile(join(folder, name, "model.onnx"));

test("training writes a whole bundle that a device accepts, and the same one again", async () => {
  const { manifest, trained: model } = await trained("first");
  const bundle = await openBundle(join(folder, "first"));
  expect(bundle.manifest).toEqual(manifest);
  expect((await readdir(join(folder, "first"))).sort()).toEqual([
    "MODEL_CARD.md",
    "checkpoint.onnx",
    "golden",
    "manifest.json",
    "model.onnx",
    "report.html",
    "training-files.txt",
  ]);
  expect(model.report.device.all.auroc.pooled).toBeGreaterThan(0.9);
  expect(model.validation).toEqual({ kind: "held out", folds: 1, parts: 9, refit: false, ofBase: false });
  expect(model.report.device.all.parts).toBe(9);
  expect(model.unreadable).toMatchObject([{ file: "good/broken.png" }]);
  expect(manifest.golden).toHaveLength(6);
  const files = (await readFile(join(folder, "first/training-files.txt"), "utf8")).trim().split("\n");
  expect(files).toHaveLength(61);
  await trained("second");
  expect((await modelBytes("second")).equals(await modelBytes("first"))).toBe(true);
});

test("folds judge every part by a model that never saw it", async () => {
  const { trained: model } = await trained("folds", { folds: 3 });
  expect(model.shippedQuantization?.frames).toBe(20);
  expect(model.validation).toEqual({ kind: "folds", folds: 3, parts: 30, refit: false, ofBase: false });
  expect(model.report.device.all.auroc.folds).toHaveLength(3);
  expect(model.heldOut.frames).toHaveLength(60);
});

test("fine-tuned layers go back into the same graph, and the same job gives the same bytes", async () => {
  const layers = { kind: "all" } as const;
  const { trained: model, manifest } = await trained("tuned", { layers });
  expect(model.steps).toBeGreaterThan(0);
  expect(manifest.provenance.metrics["history"]).not.toEqual([]);
  const names = (bundle: string) => openBundle(join(folder, bundle)).then(() => modelBytes(bundle));
  expect((await names("tuned")).equals(await modelBytes("first"))).toBe(false);
  await trained("tuned-again", { layers });
  expect((await modelBytes("tuned-again")).equals(await modelBytes("tuned"))).toBe(true);
});

test("an interrupted training still writes a bundle, marked as interrupted; before training there is nothing to keep", async () => {
  const cut = new AbortController();
  const onProgress: BundleJob["onProgress"] = (stage, done) =>
    stage === "tune" && done === 2 ? cut.abort() : undefined;
  const { trained: model } = await trained("cut", { layers: { kind: "all" }, signal: cut.signal, onProgress });
  expect(model).toMatchObject({ interrupted: true, steps: 2 });
  await openBundle(join(folder, "cut"));
  await expect(trained("none", { signal: AbortSignal.abort() })).rejects.toThrow("nothing was trained yet");
});

test.each(["head", "all"] as const)(
  "a refit of %s repeats the judged run on all parts, keeps its figures and limits, and gives the same bytes again",
  async (kind) => {
    const layers = { kind };
    const { trained: judged } = await trained(`judged-${kind}`, { layers });
    const { trained: model, manifest } = await trained(`refit-${kind}`, { layers, refit: true });
    expect(model.validation).toEqual({ ...judged.validation, refit: true });
    expect(model.report).toEqual(judged.report);
    expect(model.decision).toEqual(judged.decision);
    expect(judged.shippedQuantization).toBeNull();
    expect(model.shippedQuantization).toMatchObject({ accepted: true, frames: model.report.device.all.frames });
    expect(model.headEpochs).toBe(judged.headEpochs);
    expect(model.trainingFiles).toHaveLength(60 + 1);
    expect((await modelBytes(`refit-${kind}`)).equals(await modelBytes(`judged-${kind}`))).toBe(false);
    expect(JSON.stringify(manifest.provenance.metrics["validation"])).toContain("trained once more");
    expect(await readFile(join(folder, `refit-${kind}`, "MODEL_CARD.md"), "utf8")).toContain(
      "The model here is a second one",
    );
    await trained(`refit-again-${kind}`, { layers, refit: true });
    expect((await modelBytes(`refit-again-${kind}`)).equals(await modelBytes(`refit-${kind}`))).toBe(true);
  },
);

test("a refit that is cut short leaves the judged model, and taken up again ends as if it had not been", async () => {
  const layers = { kind: "all" } as const;
  const positions = new Map<string, FineTunePosition>();
  const positionsOf: BundleJob["positionsOf"] = (run) => ({
    load: async () => positions.get(run) ?? null,
    save: async (position) => void positions.set(run, structuredClone(position)),
  });
  const cut = new AbortController();
  const onProgress: BundleJob["onProgress"] = (stage, done, _total, detail) =>
    stage === "tune" && done === 2 && detail?.startsWith("refit") === true ? cut.abort() : undefined;
  const stopped = await trained("cut-refit", { layers, refit: true, signal: cut.signal, onProgress, positionsOf });
  expect(stopped.trained).toMatchObject({ interrupted: true, validation: { refit: false } });
  expect((await modelBytes("cut-refit")).equals(await modelBytes("judged-all"))).toBe(true);
  await trained("resumed-refit", { layers, refit: true, positionsOf });
  expect((await modelBytes("resumed-refit")).equals(await modelBytes("refit-all"))).toBe(true);
});

test("a bundle can be judged as it is and then learn from the parts that judged it", async () => {
  const layers = { kind: "all" } as const;
  const { trained: first } = await trained("base", { layers });
  const size = { widthPx: SIDE_PX, heightPx: SIDE_PX };
  const [backbone, judgedHead] = [await loadBase(join(folder, "base"), size), await loadBaseHead(join(folder, "base"))];
  const { trained: model } = await trained("from-base", { layers, refit: true, backbone, judgedHead });
  expect(model.validation).toEqual({ ...first.validation, refit: true, ofBase: true });
  expect(model.report).toEqual(first.report);
  expect(model.steps).toBe(first.steps);
  expect(await readFile(join(folder, "from-base", "MODEL_CARD.md"), "utf8")).toContain("of the base bundle as it came");
  const foreign = { ...judgedHead, classNames: ["good", "bad", "worse"] };
  await expect(trained("no", { layers, refit: true, backbone, judgedHead: foreign })).rejects.toThrow(
    "cannot be judged",
  );
});

test("an image's logits can be those of its top cells, on the device too, and who goes on from there pools alike", async () => {
  const { trained: model } = await trained("pooled", { layers: { kind: "all" }, topShare: 0.25 });
  expect(model.quantization.accepted).toBe(true);
  await openBundle(join(folder, "pooled"));
  const ops = decodeModel(await modelBytes("pooled")).graph.node.map(({ opType }) => opType);
  expect(ops).toContain("TopK");
  expect(await loadBaseTopShare(join(folder, "pooled"))).toBeCloseTo(0.25, 1);
  expect(await loadBaseTopShare(join(folder, "first"))).toBeNull();
  expect(await loadBaseTopShare(join(folder, "backbone.onnx"))).toBeNull();
});

test("a class with a single part is refused: it could not be judged", async () => {
  const data = await readDataFolder(join(folder, "data"));
  const images = data.images.filter(({ label, metadata }) => label !== "dark" || metadata["part"] === "dark0");
  const set = await makeLearningSet([{ ...data, images }], {});
  await expect(trained("single", { set })).rejects.toThrow("class dark has 1 parts; 2 are needed");
});

test("a bundle's checkpoint is a base to train on", async () => {
  const model = await loadBase(join(folder, "first"), { widthPx: 64, heightPx: 32 });
  expect(model.graph.output.map(({ name }) => name)).toEqual(["embedding"]);
  await expect(loadBase(join(folder, "data"), { widthPx: 32, heightPx: 32 })).rejects.toThrow("checkpoint.onnx");
});

test("parts under several ids are joined where that is asked for, and the card says so", async () => {
  const told: string[] = [];
  const { trained: model } = await trained("joined", {
    joinLookalikes: true,
    onWarning: (sentence) => void told.push(sentence),
  });
  // Every frame of this data is noise of its own: there is nothing to join.
  expect(model.lookalikes).toEqual({ joined: [], contradicted: [] });
  expect(told.filter((sentence) => sentence.includes("several part ids"))).toEqual([]);
  const card = await readFile(join(folder, "joined", "MODEL_CARD.md"), "utf8");
  expect(card).toContain("Part ids whose pictures show one part were joined (there were none). 0 images labelled good");
});
