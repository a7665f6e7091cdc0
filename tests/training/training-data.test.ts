import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RegionPlan } from "../../src/contracts/model-bundle.ts";
import { decodeImage } from "../../src/imaging/decode-image.ts";
import type { Image } from "../../src/imaging/image.ts";
import { preprocess } from "../../src/pipeline/preprocess/preprocess.ts";
import { augmentationSettings } from "../../src/training/augmentation.ts";
import { augmentationSheet } from "../../src/training/augmentation-sheet.ts";
import { fillAugmented, fillPlain, makeTrainingBatch } from "../../src/training/augmented-batches.ts";
import { BatchSampler } from "../../src/training/batch-sampler.ts";
import { type LearningSet, makeLearningSet } from "../../src/training/learning-set.ts";
import { fillPixelStore, type PixelStore } from "../../src/training/pixel-store.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { maskAreaPx, maskCanvas } from "../../src/training/region-mask.ts";
import { listTrainingRegions, type TrainingSamples } from "../../src/training/training-samples.ts";
import { noiseImage, paintedImage, tileImage } from "../imaging/made-images.ts";
import { putImage, putText } from "./made-data.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-data-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const SIZE = { widthPx: 32, heightPx: 32 };
const FULL: RegionPlan = { mode: "full" };
const GRID: RegionPlan = { mode: "grid", rows: 2, cols: 2, marginPx: 4 };

interface Loaded {
  readonly set: LearningSet;
  readonly samples: TrainingSamples;
  readonly store: PixelStore;
}

async function load(path: string, plan: RegionPlan, size = SIZE): Promise<Loaded> {
  const set = await makeLearningSet([await readDataFolder(path)], {});
  const samples = await listTrainingRegions(set, plan);
  return { set, samples, store: await fillPixelStore(set, samples, { size, onProgress: () => undefined }) };
}

/** A dark square of 12 px on a texture, from (xPx, yPx). */
const spotted = (xPx: number, yPx: number, channels: 1 | 3 = 1): Image => {
  const shape = { widthPx: 80, heightPx: 80, channels };
  const texture = noiseImage(shape, xPx + 1);
  return paintedImage(shape, (x, y, channel) =>
    x >= xPx && x < xPx + 12 && y >= yPx && y < yPx + 12
      ? 0
      : 128 + ((texture.pixels[(y * 80 + x) * channels + channel] ?? 0) >> 1),
  );
};

const spotMask = (xPx: number, yPx: number): Image =>
  paintedImage({ widthPx: 80, heightPx: 80, channels: 1 }, (x, y) =>
    x >= xPx && x < xPx + 12 && y >= yPx && y < yPx + 12 ? 255 : 0,
  );

/** Two good and three spotted pictures, the spots marked by masks; the last spotted one has none. */
async function putMasked(): Promise<void> {
  await putImage(folder, "good/a.png", noiseImage({ widthPx: 80, heightPx: 80, channels: 1 }, 1));
  await putImage(folder, "good/b.png", tileImage({ widthPx: 90, heightPx: 70, channels: 3 }));
  await putImage(folder, "spot/c.png", spotted(10, 20));
  await putImage(folder, "masks/spot/c.png", spotMask(10, 20));
  await putImage(folder, "spot/d.png", spotted(60, 40, 3));
  await putImage(folder, "masks/spot/d.png", spotMask(60, 40));
  await putImage(folder, "spot/e.png", spotted(30, 30));
}

/** The same as boards with boxes: one whole spot, one on the border of two grid cells, one clean board. */
async function putBoxed(): Promise<void> {
  await putImage(folder, "1.png", spotted(10, 20));
  await putImage(folder, "2.png", spotted(39, 10));
  await putImage(folder, "3.png", noiseImage({ widthPx: 80, heightPx: 80, channels: 1 }, 9));
  const coco = {
    categories: [
      { id: 1, name: "pit" },
      { id: 2, name: "scratch" },
    ],
    images: [1, 2, 3].map((id) => ({ id, file_name: `${id}.png`, board_group: `g${id}` })),
    annotations: [
      { image_id: 1, category_id: 1, bbox: [10, 20, 12, 12] },
      { image_id: 1, category_id: 1, bbox: [60, 60, 6, 6] },
      { image_id: 1, category_id: 2, bbox: [60, 5, 10, 10] },
      { image_id: 2, category_id: 1, bbox: [39, 10, 12, 12] },
    ],
  };
  await putText(folder, "annotations.coco.json", JSON.stringify(coco));
}

describe("training regions", () => {
  test("of whole frames are one a frame, with the image's own label", async () => {
    await putMasked();
    const { samples } = await load(folder, FULL);
    expect(samples.regions.map(({ label, isWhole }) => [label, isWhole])).toEqual([
      ["good", true],
      ["good", true],
      ["spot", true],
      ["spot", true],
      ["spot", true],
    ]);
    expect(samples.undecidedCount).toBe(0);
  });

  test("of a grid have the labels of the boxes they show, and undecided ones are counted", async () => {
    await putBoxed();
    const { samples } = await load(folder, GRID);
    expect(samples.classes.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      "good good",
      "pit defect",
      "scratch defect",
    ]);
    const ofFrame = (frame: number) =>
      samples.regions.filter(({ sampleIndex }) => sampleIndex === frame).map(({ label }) => label);
    expect(ofFrame(0)).toEqual(["pit", "scratch", "good", "pit"]);
    // The spot at 39 to 51 px: the left cell ends at 44 px and shows 5 of 12 px, the right one begins at 36 px.
    expect(ofFrame(1)).toEqual(["pit", "good", "good"]);
    expect(ofFrame(2)).toEqual(["good", "good", "good", "good"]);
    expect(samples.undecidedCount).toBe(1);
    for (const { label, classIndex } of samples.regions) expect(samples.classes[classIndex]?.name).toBe(label);
  });

  test("of a grid over images without boxes are refused with advice", async () => {
    await putMasked();
    const set = await makeLearningSet([await readDataFolder(folder)], {});
    await expect(listTrainingRegions(set, GRID)).rejects.toThrow(
      "no defective region is left to train on: a grid needs boxes",
    );
  });
});

describe("the pixel store", () => {
  test.each([
    ["whole frames", FULL, putMasked],
    ["a grid", GRID, putBoxed],
  ] as const)("holds for %s byte for byte what a device feeds the model", async (_, plan, put) => {
    await put();
    const { set, store } = await load(folder, plan);
    expect(store.regions.length).toBeGreaterThan(4);
    const batch = makeTrainingBatch(SIZE, store.regions.length, null);
    fillPlain(batch, [...store.regions.keys()], store);
    for (const [index, { rect, sampleIndex }] of store.regions.entries()) {
      const decoded = await decodeImage(await readFile(set.samples[sampleIndex]?.image.path ?? ""));
      if (!decoded.ok) throw new Error(decoded.detail);
      const fed = preprocess(decoded.image, [rect], SIZE);
      expect(batch.pixels.subarray(index * fed.length, (index + 1) * fed.length)).toEqual(fed);
    }
  });

  test("keeps grey pictures in one channel, also when their files have three", async () => {
    await putImage(
      folder,
      "good/a.png",
      paintedImage({ widthPx: 40, heightPx: 40, channels: 3 }, (x, y) => x + y),
    );
    await putImage(folder, "spot/b.png", noiseImage({ widthPx: 40, heightPx: 40, channels: 3 }, 2));
    const { store } = await load(folder, FULL);
    expect(store.regions.map(({ canvas }) => canvas.channels)).toEqual([1, 3]);
    expect(store.bytes).toBe(32 * 32 * 4);
  });

  test("knows where the defect is from masks and boxes, and that it does not know", async () => {
    await putMasked();
    const masked = (await load(folder, FULL)).store;
    expect(
      masked.regions.map(({ mask }) => (mask === null ? "unknown" : mask === "clear" ? "clear" : "marked")),
    ).toEqual(["clear", "clear", "marked", "marked", "unknown"]);
    // Shrinking moves borders by up to a quarter of a pixel.
    const areaShare = maskAreaPx(masked.regions[2]?.mask ?? null) / ((12 / 80) ** 2 * 32 * 32);
    expect(Math.abs(areaShare - 1)).toBeLessThan(0.1);
    await rm(join(folder, "masks"), { recursive: true });
    await putBoxed();
    const { store } = await load(folder, GRID);
    // The first region is 44 px wide and high; its box is 12 px.
    expect(maskAreaPx(store.regions[0]?.mask ?? null)).toBeCloseTo((12 / 44) ** 2 * 32 * 32, 0);
  });

  test("lists what it cannot read, and a mask of another size costs the mask alone", async () => {
    await putMasked();
    await putImage(folder, "masks/spot/d.png", noiseImage({ widthPx: 40, heightPx: 40, channels: 1 }, 1));
    await writeFile(join(folder, "good/torn.png"), (await readFile(join(folder, "good/a.png"))).subarray(0, 900));
    await writeFile(join(folder, "good/text.png"), "not an image");
    const { samples, store } = await load(folder, FULL);
    expect(samples.unreadable.map(({ file }) => file)).toEqual(["good/text.png"]);
    expect(store.unreadable.map(({ file }) => file)).toEqual(["good/torn.png", "spot/d.png"]);
    expect(store.unreadable[1]?.reason).toBe("its mask is not used: 40x40 px for an image of 80x80 px");
    expect(store.regions).toHaveLength(5);
  });
});

/** No defect is shown on another part's picture. */
const ON_OWN_PARTS = { hosts: [], transplantShare: 0 };

describe("augmented batches", () => {
  const settings = augmentationSettings("strong");
  const cells = { columns: 4, rows: 4 };

  async function batches(seed: number, count: number): Promise<Uint8Array[]> {
    const { store } = await load(folder, FULL);
    const items = store.regions.map(({ classIndex }, index) => ({ index, classIndex }));
    const sampler = new BatchSampler({ items, goodClasses: [0], balance: 1, goodShare: 0.4, seed });
    const batch = makeTrainingBatch(SIZE, 6, cells);
    return Array.from({ length: count }, () => {
      fillAugmented(batch, sampler.take(6), { store, settings, seed, ...ON_OWN_PARTS });
      return Uint8Array.from([
        ...batch.pixels,
        ...batch.classIndices,
        ...new Uint8Array(batch.coverage?.values.buffer ?? []),
      ]);
    });
  }

  test("are the same bytes for the same seed and other bytes for another", async () => {
    await putMasked();
    const first = await batches(3, 5);
    expect(await batches(3, 5)).toEqual(first);
    expect(await batches(4, 5)).not.toEqual(first);
    expect(first[0]).not.toEqual(first[1]);
  });

  test("move the mask with the picture: the dark spot stays under its mask", async () => {
    await putMasked();
    const { store } = await load(folder, FULL);
    const batch = makeTrainingBatch(SIZE, 40, SIZE_CELLS);
    const toneless = augmentationSettings({
      preset: "strong",
      brightness: 0,
      contrast: 0,
      gamma: 0,
      noiseProbability: 0,
      blurProbability: 0,
    });
    const items = Array.from({ length: 40 }, (_, position) => ({
      index: 2 + (position % 2),
      classIndex: 1,
      epoch: 0,
      position,
    }));
    fillAugmented(batch, items, { store, settings: toneless, seed: 8, ...ON_OWN_PARTS });
    const values = batch.coverage?.values ?? new Float32Array();
    let darkUnder = 0;
    let bright = 0;
    for (const [at, coverage] of values.entries()) {
      const grey = batch.pixels[at * 3] ?? 0;
      if (coverage > 0.99) darkUnder = Math.max(darkUnder, grey);
      if (coverage === 0) bright = bright === 0 ? grey : Math.min(bright, grey);
    }
    expect(darkUnder).toBeLessThan(40);
    expect(bright).toBeGreaterThan(100);
    expect(batch.coverage?.known.every((known) => known === 1)).toBe(true);
  });

  test("show outlined defects on good parts as often as asked, not otherwise", async () => {
    await putMasked();
    const { store } = await load(folder, FULL);
    const goods = [...store.regions.keys()].filter((index) => store.regions[index]?.mask === "clear");
    const outlined = [...store.regions.keys()].find((index) => store.regions[index]?.isOutlined === true) ?? -1;
    const plain = augmentationSettings("none");
    const shown = (transplantShare: number): Buffer => {
      const batch = makeTrainingBatch(store.size, 1, null);
      const item = { index: outlined, classIndex: 1, epoch: 0, position: 0 };
      fillAugmented(batch, [item], { store, settings: plain, seed: 3, hosts: goods, transplantShare });
      return Buffer.from(batch.pixels);
    };
    const own = makeTrainingBatch(store.size, 1, null);
    fillPlain(own, [outlined], store);
    expect(shown(0).equals(Buffer.from(own.pixels))).toBe(true);
    expect(shown(1).equals(Buffer.from(own.pixels))).toBe(false);
  });

  test("keep a marked defect in view even at the edge", async () => {
    await putImage(folder, "good/a.png", noiseImage({ widthPx: 80, heightPx: 80, channels: 1 }, 1));
    await putImage(folder, "spot/c.png", spotted(0, 0));
    await putImage(folder, "masks/spot/c.png", spotMask(0, 0));
    const { store } = await load(folder, FULL);
    const area = maskAreaPx(store.regions[1]?.mask ?? null) / (32 * 32);
    const batch = makeTrainingBatch(SIZE, 100, { columns: 1, rows: 1 });
    const items = Array.from({ length: 100 }, (_, position) => ({ index: 1, classIndex: 1, epoch: 0, position }));
    const wild = augmentationSettings({ preset: "none", shiftShare: 0.3, rotationDegrees: 20 });
    fillAugmented(batch, items, { store, settings: wild, seed: 1, ...ON_OWN_PARTS });
    expect(Math.min(...(batch.coverage?.values ?? []))).toBeGreaterThan(0.55 * area);
  });

  test("say where a defect is not known", async () => {
    await putMasked();
    const { store } = await load(folder, FULL);
    const batch = makeTrainingBatch(SIZE, 5, cells);
    batch.coverage?.values.fill(9);
    fillPlain(batch, [0, 1, 2, 3, 4], store);
    expect([...(batch.coverage?.known ?? [])]).toEqual([1, 1, 1, 1, 0]);
    expect(batch.coverage?.values.subarray(64, 80)).toEqual(new Float32Array(16));
    expect(maskCanvas(store.regions[0]?.mask ?? null, SIZE).pixels.every((value) => value === 0)).toBe(true);
  });
});

test("the sheet shows every class, originals first", async () => {
  await putMasked();
  const { store } = await load(folder, FULL);
  const png = await augmentationSheet(store, {
    settings: augmentationSettings("strong"),
    rowsPerClass: 1,
    versions: 3,
    seed: 1,
  });
  const decoded = await decodeImage(png);
  // Cells of 32 px and a gap of 6 px; captions of 16 px.
  expect(decoded).toMatchObject({ ok: true, image: { widthPx: 4 * 38, heightPx: 2 * 54 } });
});

const SIZE_CELLS = { columns: 32, rows: 32 };

const boards = fileURLToPath(new URL("../../../shared/data/deeppcb", import.meta.url));
test.skipIf(!existsSync(boards))(
  "the boards in a 4x4 grid are six defects and good, few regions undecided",
  async () => {
    const set = await makeLearningSet([await readDataFolder(boards)], {});
    const samples = await listTrainingRegions(set, { mode: "grid", rows: 4, cols: 4, marginPx: 16 });
    expect(samples.classes.map(({ name }) => name)).toEqual([
      "copper",
      "good",
      "mousebite",
      "open",
      "pin-hole",
      "short",
      "spur",
    ]);
    expect(samples.regions.length + samples.undecidedCount).toBe(2000 * 16);
    expect(samples.undecidedCount).toBeLessThan(2000);
  },
);
