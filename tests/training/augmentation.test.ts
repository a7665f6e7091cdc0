import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import {
  type Augmentation,
  augmentationSettings,
  drawAugmentation,
  pixelChangeOf,
  PRESET_RANGES,
  unknownLabels,
} from "../../src/training/augmentation.ts";
import { readAugmentation } from "../../src/training/read-augmentation.ts";

const many = (settings: unknown, label: string, seed = 7): Augmentation[] => {
  const random = seededRandom(seed);
  return Array.from({ length: 400 }, () => drawAugmentation(augmentationSettings(settings), label, random));
};

describe("drawn augmentations", () => {
  test("stay within the limits of their preset, and use them", () => {
    const drawn = many("standard", "crack");
    const limits = PRESET_RANGES.standard;
    const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
    for (const [values, most] of [
      [drawn.map(({ rotationDegrees }) => rotationDegrees), limits.rotationDegrees],
      [drawn.map(({ shiftXShare }) => shiftXShare), limits.shiftShare],
      [drawn.map(({ brightness }) => brightness), limits.brightness],
      [drawn.map(({ scale }) => Math.log(scale)), Math.log(1 + limits.scale)],
      [drawn.map(({ gamma }) => Math.log(gamma)), Math.log(1 + limits.gamma)],
      [drawn.map(({ blurSigmaPx }) => blurSigmaPx), limits.blurSigmaPx],
    ] as const) {
      expect(largest(values)).toBeLessThanOrEqual(most);
      expect(largest(values)).toBeGreaterThan(0.9 * most);
    }
    const blurred = drawn.filter(({ blurSigmaPx }) => blurSigmaPx > 0).length / drawn.length;
    expect(blurred).toBeCloseTo(limits.blurProbability, 1);
    expect(drawn.every(({ quarterTurns }) => quarterTurns === 0)).toBe(true);
  });

  test("of the preset none change nothing", () => {
    const change = pixelChangeOf(many("none", "crack")[0] as Augmentation, { widthPx: 20, heightPx: 10 });
    expect(change).toMatchObject({
      tone: null,
      blurSigmaPx: 0,
      noiseSigmaLevels: 0,
      map: { xFromX: 65_536, xAtOrigin: 0 },
    });
  });

  test("obey what is set for a class, which leaves the other classes' drawings as they were", () => {
    const file = {
      preset: "strong",
      rotationDegrees: 0,
      classes: { uneven: { brightness: 0, contrast: 0, flipVertical: false } },
    };
    const uneven = many(file, "uneven");
    expect(
      uneven.every(({ brightness, contrast, flipVertical }) => brightness === 0 && contrast === 1 && !flipVertical),
    ).toBe(true);
    expect(uneven.some(({ gamma, flipHorizontal }) => gamma !== 1 && flipHorizontal)).toBe(true);
    expect(many(file, "crack")).toEqual(many({ preset: "strong", rotationDegrees: 0 }, "crack"));
    expect(many(file, "crack").every(({ rotationDegrees }) => Math.abs(rotationDegrees) === 0)).toBe(true);
  });

  test("turn by quarters only where the input is square", () => {
    const drawn = many("strong", "crack").find(({ quarterTurns }) => quarterTurns === 3) as Augmentation;
    const still = { ...drawn, rotationDegrees: 0, scale: 1, aspect: 1, flipHorizontal: false, flipVertical: false };
    expect(pixelChangeOf(still, { widthPx: 32, heightPx: 32 }).map).toMatchObject({ xFromX: 0, xFromY: -65_536 });
    expect(pixelChangeOf(still, { widthPx: 64, heightPx: 32 }).map).toMatchObject({ xFromX: -65_536, xFromY: 0 });
  });
});

test("a settings file with a misspelt word, a value out of range or a class that is not there is told", () => {
  expect(() => augmentationSettings({ rotation: 5 })).toThrow("rotation");
  expect(() => augmentationSettings({ classes: { crack: { brigthness: 0 } } })).toThrow("brigthness");
  expect(() => augmentationSettings({ blurSigmaPx: 40 })).toThrow();
  expect(() => augmentationSettings("wild")).toThrow("none");
  expect(unknownLabels(augmentationSettings({ classes: { crakc: {} } }), ["crack", "good"])).toEqual(["crakc"]);
});

test("settings come from a preset's name or a file, and mistakes in it are told with their place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sightline-augmentation-"));
  const path = join(folder, "settings.json");
  const labels = ["crack", "good"];
  try {
    expect(await readAugmentation("light", labels)).toEqual(augmentationSettings("light"));
    await writeFile(path, JSON.stringify({ rotationDegrees: 2, classes: { crack: { gamma: 0 } } }));
    expect((await readAugmentation(path, labels)).classes["crack"]).toMatchObject({ rotationDegrees: 2, gamma: 0 });
    await writeFile(path, JSON.stringify({ classes: { crack: { shiftPercent: 5 } } }));
    await expect(readAugmentation(path, labels)).rejects.toThrow(
      'settings.json: classes.crack: Unrecognized key: "shiftPercent"',
    );
    await writeFile(path, JSON.stringify({ classes: { crakc: {} } }));
    await expect(readAugmentation(path, labels)).rejects.toThrow("classes.crakc: no such class; there are crack, good");
    await writeFile(path, "{");
    await expect(readAugmentation(path, labels)).rejects.toThrow("not JSON");
    await expect(readAugmentation("wild", labels)).rejects.toThrow(
      "is neither a file nor one of none, light, standard, strong",
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
