import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { simulatedFolder } from "../../src/training/synthesize.ts";

let cachePath: string;
beforeAll(async () => {
  cachePath = await mkdtemp(join(tmpdir(), "sightline-simulated-"));
});
afterAll(() => rm(cachePath, { recursive: true, force: true }));

const pictures = async (folder: string): Promise<number> =>
  (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".png") && !file.startsWith("masks"))
    .length;

test("a training that begins while another renders disturbs it in nothing", async () => {
  const options = { parts: 12, seed: 3, defectRate: 0.5 };
  let second: Promise<string> | undefined;
  const folder = await simulatedFolder(cachePath, {
    ...options,
    onProgress: (done) => {
      if (done === 6) second = simulatedFolder(cachePath, { ...options, onProgress: () => undefined });
    },
  });
  expect(await pictures(folder)).toBe(12);
  expect(await second).toBe(folder);
  expect(await pictures(folder)).toBe(12);
  expect(await readdir(join(cachePath, "simulated"))).toEqual([basename(folder)]);
  let rendered = 0;
  await simulatedFolder(cachePath, { ...options, onProgress: () => rendered++ });
  expect(rendered).toBe(0);
});
