import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";
import {
  checkBalance,
  checkInputSize,
  checkLeaks,
  checkParts,
  checkSeparation,
  checkTrainingData,
  type DataFinding,
} from "../../src/training/check-data.ts";
import { makeLearningSet } from "../../src/training/learning-set.ts";
import { fillPixelStore } from "../../src/training/pixel-store.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { separationAuroc } from "../../src/training/separation.ts";
import { listTrainingRegions, type TrainingRegion } from "../../src/training/training-samples.ts";
import { noiseImage, paintedImage } from "../imaging/made-images.ts";
import { putImage, putText } from "./made-data.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-data-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const classes = [
  { name: "crack", kind: "defect" },
  { name: "good", kind: "good" },
] as const;

const told = (findings: readonly DataFinding[]): string[] =>
  findings.map(({ severity, text }) => `${severity}: ${text}`);

/** `counts` regions of each class, every one a part of its own. */
const regionsOf = (counts: readonly number[]): TrainingRegion[] =>
  counts.flatMap((count, classIndex) =>
    Array.from({ length: count }, (_, at) => ({
      sampleIndex: at,
      rect: { xPx: 0, yPx: 0, widthPx: 100, heightPx: 100 },
      frameSize: { widthPx: 100, heightPx: 100 },
      label: classes[classIndex]?.name ?? "",
      classIndex,
      group: `${classIndex}-${at}`,
      sha256: `${classIndex}-${at}`,
      isWhole: true,
    })),
  );

describe("too few parts", () => {
  test("of a class in all are an error under 2 and a warning under 10", () => {
    expect(told(checkParts({ classes, regions: regionsOf([1, 30]), validation: [] }))).toEqual([
      "error: class crack has 1 part, so it cannot be both learnt and checked; add parts or merge it with another class",
    ]);
    expect(told(checkParts({ classes, regions: regionsOf([5, 30]), validation: [0, 10] }))).toEqual([
      "warning: few parts of some classes (crack 5); figures of a class mean something from about 10 on: add parts",
    ]);
    expect(checkParts({ classes, regions: regionsOf([10, 30]), validation: [0, 20] })).toEqual([]);
  });

  test("on a side of the split are an error that names the side", () => {
    const regions = regionsOf([12, 30]);
    expect(told(checkParts({ classes, regions, validation: [20] }))[0]).toContain(
      "error: class crack has 12 parts but none is held out",
    );
  });
});

async function load(size = { widthPx: 64, heightPx: 64 }) {
  const set = await makeLearningSet([await readDataFolder(folder)], {});
  const samples = await listTrainingRegions(set, { mode: "full" });
  return { set, samples, store: await fillPixelStore(set, samples, { size, onProgress: () => undefined }) };
}

/** Blobs that differ from seed to seed. */
function blobs(seed: number, offset = 0): Image {
  const random = seededRandom(seed);
  const [a, b, c, d] = [random() * 6, random() * 6, 5 + random() * 10, 5 + random() * 10];
  return paintedImage({ widthPx: 96, heightPx: 96, channels: 1 }, (x, y) => {
    return 110 + offset + 60 * Math.sin(a + x / c) * Math.cos(b + y / d);
  });
}

describe("leaks", () => {
  test("are told: a part, a file and a picture on both sides of the split", async () => {
    const files = ["good/a.png", "good/b.png", "good/c.png", "spot/d.png", "spot/e.png", "spot/f.png"];
    for (const [at, file] of files.entries()) await putImage(folder, file, blobs(at));
    // The same picture a little brighter, under another part id.
    await putImage(folder, "spot/f.png", blobs(3, 1));
    await putText(
      folder,
      "index.csv",
      `file,label,part\n${files.map((file, at) => `${file},${file.slice(0, 4)},p${at}`).join("\n")}\n`,
    );
    const { set, store } = await load();
    expect(told(checkLeaks(set, store, [0, 5]))).toEqual([
      "warning: near-identical images on both sides of the split: spot/d.png and spot/f.png; if they show the same " +
        "part, give them one part id or use --join-lookalikes, or the figures will be wrong",
    ]);
    expect(checkLeaks(set, store, [0, 4])).toEqual([]);
    const samePart = {
      ...store,
      regions: store.regions.map((region) => ({ ...region, group: "p", sha256: region.sha256 })),
    };
    expect(told(checkLeaks(set, samePart, [1]))).toEqual([
      "error: p is on both sides of the split (part); hold out whole parts",
    ]);
    const sameFile = {
      ...store,
      regions: store.regions.map((region, at) =>
        at === 1 ? { ...region, sha256: store.regions[0]?.sha256 ?? "" } : region,
      ),
    };
    expect(told(checkLeaks(set, sameFile, [1]))).toEqual([
      "error: good/a.png is on both sides of the split (same file); remove the copies",
    ]);
  });

  test("are not seen in plain pictures, which all look alike", async () => {
    for (const [at, file] of ["good/a.png", "good/b.png", "spot/c.png"].entries()) {
      await putImage(
        folder,
        file,
        paintedImage({ widthPx: 64, heightPx: 64, channels: 1 }, (x) => 100 + at + (x > 30 ? 1 : 0)),
      );
    }
    const { set, store } = await load();
    expect(checkLeaks(set, store, [1, 2])).toEqual([]);
  });
});

test("everything is told at once, errors first", async () => {
  for (const [at, file] of ["good/a.png", "good/b.png", "spot/c.png"].entries())
    await putImage(folder, file, blobs(at));
  const { set, samples, store } = await load();
  const findings = checkTrainingData({ set, samples, store, plan: { mode: "full" }, validation: [1] });
  expect(findings.map(({ severity, check }) => `${severity} ${check}`)).toEqual(["error parts", "warning parts"]);
});

describe("the input size", () => {
  test("too small for the marked defects is told, with a size and a grid that would do", async () => {
    const images = Array.from({ length: 4 }, (_, at) => ({ id: at, file_name: `${at}.png`, part: `p${at}` }));
    for (const { file_name } of images)
      await putImage(folder, file_name, noiseImage({ widthPx: 256, heightPx: 256, channels: 1 }, 3));
    const annotations = [0, 1, 2].map((image_id) => ({
      image_id,
      category_id: 1,
      bbox: [50, 50, image_id === 0 ? 40 : 6, image_id === 0 ? 40 : 6],
    }));
    await putText(
      folder,
      "annotations.coco.json",
      JSON.stringify({ categories: [{ id: 1, name: "pit" }], images, annotations }),
    );
    const { set, store } = await load();
    const [finding] = checkInputSize(set, store, { mode: "full" });
    expect(finding).toMatchObject({ severity: "warning", check: "size" });
    // 6 px of 256 are 1.5 px of 64: twice the size is needed.
    expect(finding?.text).toBe(
      "67% of the defects cover less than 3 px across at the input of 64x64 px; use --size 128, or look at the picture in pieces with --grid 2x2",
    );
    expect(checkInputSize(set, (await load({ widthPx: 128, heightPx: 128 })).store, { mode: "full" })).toEqual([]);
  });

  test("far larger than the pictures is told", async () => {
    for (const file of ["good/a.png", "spot/b.png"])
      await putImage(folder, file, noiseImage({ widthPx: 50, heightPx: 60, channels: 1 }, 3));
    const { set, store } = await load({ widthPx: 128, heightPx: 128 });
    expect(told(checkInputSize(set, store, { mode: "full" }))).toEqual([
      "warning: 100% of the pictures are less than half as large as the input of 128x128 px; --size 64 is as good and faster",
    ]);
  });
});

test("a class that is rare beside the commonest is told", () => {
  expect(told(checkBalance({ classes, regions: regionsOf([4, 100]) }))[0]).toContain(
    "few pictures of crack (4) beside good (100); balanced",
  );
  expect(checkBalance({ classes, regions: regionsOf([20, 100]) })).toEqual([]);
});

describe("frozen features", () => {
  const embedded = (gap: number) => {
    const random = seededRandom(4);
    return Array.from({ length: 240 }, (_, at) => {
      const defective = at % 3 === 0;
      const embedding = Float32Array.from(
        { length: 24 },
        (_, feature) => random() + (feature === 5 && defective ? gap : 0),
      );
      return { embedding, label: defective ? "crack" : "good", defective, group: `p${Math.floor(at / 2)}` };
    });
  };

  test("that separate are left alone, and others lead to the advice to unfreeze", () => {
    expect(separationAuroc(embedded(2), 1)).toBeGreaterThan(0.97);
    expect(checkSeparation(embedded(2), 1)).toEqual([]);
    expect(Math.abs(separationAuroc(embedded(0), 1) - 0.5)).toBeLessThan(0.12);
    expect(checkSeparation(embedded(0), 1)[0]?.text).toContain("unfreeze with --layers last:6 or --layers all");
  });

  test("are not judged where there are too few parts to say", () => {
    expect(checkSeparation(embedded(0).slice(0, 3), 1)).toEqual([]);
  });

  test("do not get credit for a part they have seen", () => {
    // Every part has a mark of its own; nothing else tells its label.
    const random = seededRandom(6);
    const items = Array.from({ length: 200 }, (_, at) => {
      const part = Math.floor(at / 10);
      const embedding = Float32Array.from({ length: 24 }, (_, feature) => (feature === part ? 3 : 0) + random());
      return { embedding, label: "", defective: part % 2 === 0, group: `p${part}` };
    });
    expect(separationAuroc(items, 1)).toBeLessThan(0.7);
  });
});

const tiles = fileURLToPath(new URL("../../../shared/data/magnetic-tile", import.meta.url));
test.skipIf(!existsSync(tiles))(
  "the magnetic tiles hold parts that lie under two ids",
  { timeout: 120_000 },
  async () => {
    folder = await mkdtemp(join(tmpdir(), "sightline-data-"));
    const set = await makeLearningSet([await readDataFolder(tiles)], {});
    const samples = await listTrainingRegions(set, { mode: "full" });
    const store = await fillPixelStore(set, samples, {
      size: { widthPx: 64, heightPx: 64 },
      onProgress: () => undefined,
    });
    const held = store.regions.flatMap(({ group }, index) => (group.endsWith("tile0016") ? index : []));
    expect(checkLeaks(set, store, held)[0]?.text).toContain(
      "blowhole/exp1_num_108719.jpg and blowhole/exp1_num_108889.jpg",
    );
  },
);
