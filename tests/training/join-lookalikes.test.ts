import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { joinLookalikes, lookalikeSentences } from "../../src/training/join-lookalikes.ts";
import { makeLearningSet } from "../../src/training/learning-set.ts";
import { fillPixelStore } from "../../src/training/pixel-store.ts";
import { listTrainingRegions } from "../../src/training/training-samples.ts";
import { putImage, putText } from "./made-data.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-lookalikes-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Grain that is its own for every seed. */
function grain(seed: number, gain = 1): Image {
  const random = seededRandom(seed);
  const cells = Array.from({ length: 32 * 32 }, () => 60 + random() * 60);
  const pixels = Uint8Array.from({ length: 96 * 96 }, (_, at) => {
    const cell = Math.floor(Math.floor(at / 96) / 3) * 32 + Math.floor((at % 96) / 3);
    return gain * (cells[cell] ?? 0);
  });
  return { pixels, widthPx: 96, heightPx: 96, channels: 1 };
}

async function joined(path: string) {
  const set = await makeLearningSet([await readDataFolder(path)], {});
  const samples = await listTrainingRegions(set, { mode: "full" });
  const size = { widthPx: 96, heightPx: 96 };
  const store = await fillPixelStore(set, samples, { size, onProgress: () => undefined });
  return joinLookalikes({ set, store }, samples.classes);
}

test("part ids of one part become one; its good pictures are left out where it is defective under another id", async () => {
  const rows = [
    // Good under p1, a hole under p2; p1 has another picture, which goes with it.
    { file: "good/a.png", part: "p1", image: grain(1) },
    { file: "good/b.png", part: "p1", image: grain(2) },
    { file: "hole/c.png", part: "p2", image: grain(1, 1.4) },
    // Good under both ids: nothing speaks against it.
    { file: "good/d.png", part: "p3", image: grain(3) },
    { file: "good/e.png", part: "p4", image: grain(3, 0.6) },
    // Two kinds of defects on one part: both may be true.
    { file: "hole/f.png", part: "p5", image: grain(4) },
    { file: "scratch/g.png", part: "p6", image: grain(4, 0.8) },
    { file: "good/h.png", part: "p7", image: grain(5) },
  ];
  for (const { file, image } of rows) await putImage(folder, file, image);
  const lines = rows.map(({ file, part }) => `${file},${file.split("/")[0] ?? ""},${part}\n`);
  await putText(folder, "index.csv", `file,label,part\n${lines.join("")}`);

  const { set, store, found } = await joined(folder);
  expect(found).toEqual({
    joined: [
      ["p1", "p2"],
      ["p3", "p4"],
      ["p5", "p6"],
    ],
    contradicted: ["good/a.png", "good/b.png"],
  });
  const partOf = Object.fromEntries(store.regions.map(({ sampleIndex, group }) => [sampleIndex, group]));
  const byFile = Object.fromEntries(
    set.samples.map(({ image, group }, index) => [image.file, [partOf[index] ?? "left out", group]]),
  );
  expect(byFile).toEqual({
    "good/a.png": ["left out", "0:p1"],
    "good/b.png": ["left out", "0:p1"],
    "hole/c.png": ["0:p1", "0:p1"],
    "good/d.png": ["0:p3", "0:p3"],
    "good/e.png": ["0:p3", "0:p3"],
    "hole/f.png": ["0:p5", "0:p5"],
    "scratch/g.png": ["0:p5", "0:p5"],
    "good/h.png": ["0:p7", "0:p7"],
  });
  expect(lookalikeSentences(found)).toEqual([
    "pictures under several part ids show one part, which stays on one side of every split: p1 = p2; p3 = p4; p5 = p6",
    "labelled good, but the same part is labelled defective under another id: left out; look at them and relabel: " +
      "good/a.png, good/b.png",
  ]);
  expect(lookalikeSentences({ joined: [], contradicted: [] })).toEqual([]);
});

const tiles = fileURLToPath(new URL("../../../shared/data/magnetic-tile", import.meta.url));
test.skipIf(!existsSync(tiles))(
  "of the magnetic tiles, three parts are good under one id and not under another",
  async () => {
    const { found } = await joined(tiles);
    expect(found.joined).toEqual([
      ["tile0012", "tile0056", "tile0166", "tile0228"],
      ["tile0014", "tile0016"],
      ["tile0018", "tile0199"],
      ["tile0036", "tile0158", "tile0182"],
      ["tile0045", "tile0047"],
      ["tile0148", "tile0191"],
      ["tile0161", "tile0205"],
      ["tile0167", "tile0171", "tile0181", "tile0210", "tile0212"],
    ]);
    expect(found.contradicted).toContain("free/exp5_num_937.jpg");
    expect(found.contradicted).toContain("free/exp5_num_117030.jpg");
    expect(found.contradicted).toContain("free/exp2_num_346332.jpg");
  },
  120_000,
);
