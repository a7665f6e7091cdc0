import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { progressLine } from "../../src/commands/progress-line.ts";
import { train } from "../../src/commands/train.ts";
import type { MonotonicMs } from "../../src/platform/clock.ts";

let folder = "";
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-command-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const BASICS = ["--data", "d", "--base", "b.onnx", "--out"];

test.each([
  [
    [...BASICS, "x", "--layers", "some"],
    "--layers some: use head, last:N (the last N blocks, N from 1), gradual or all",
  ],
  [[...BASICS, "x", "--grid", "4"], "--grid 4: use ROWSxCOLS"],
  [[...BASICS, "x", "--margin", "4"], "--margin belongs to --grid"],
  [[...BASICS, "x", "--rate", "2"], "--rate 2: use a number between 0 and 1"],
  [[...BASICS, "x", "--base-mean", "127"], "--base-mean is given without --base-scale"],
  [[...BASICS, "x", "--size", "100"], "--size 100: use a multiple of 32"],
  [[...BASICS, "x", "--epochs", "0"], "--epochs 0: use a whole number, 1 or more"],
  [[...BASICS, "x", "--layers", "all", "--pooling", "max"], "--pooling max: use average, or top:SHARE"],
  [[...BASICS, "x", "--layers", "all", "--pooling", "top:1.5"], "--pooling top:1.5: use average, or top:SHARE"],
  [[...BASICS, "x", "--pooling", "top:0.2"], "--pooling top needs layers that train"],
  [[...BASICS, "x", "--seeds", "3"], "did you mean --seed?"],
  [[...BASICS, "x", "--name", "Bad Name"], "use small letters"],
  [["--data", "d", "--base", "b"], "--out is needed"],
  [["--base", "b", "--out", "x"], "--data is needed"],
])("%j is refused with a sentence", async (args, sentence) => {
  await expect(train.run(args)).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining(sentence) });
});

test("a folder with other files is not replaced", async () => {
  await writeFile(join(folder, "thesis.txt"), "years of work");
  await expect(train.run([...BASICS, folder, "--name", "x"])).rejects.toThrow("holds files that are no model bundle");
});

test("progress is a bar with the time left on a terminal and a few lines elsewhere", () => {
  let nowMs = 0;
  const tick = (): MonotonicMs => nowMs as MonotonicMs;
  const onTerminal: string[] = [];
  const inFile: string[] = [];
  const draw = progressLine({ isTTY: true, write: (text) => onTerminal.push(text) }, tick);
  const log = progressLine({ write: (text) => inFile.push(text) }, tick);
  for (let done = 1; done <= 100; done++) {
    nowMs += 1000;
    draw("embedding", done, 100);
    log("embedding", done, 100);
  }
  expect(onTerminal[49]).toContain("50/100, 50 s left");
  expect(onTerminal.at(-1)).toMatch(/\n$/);
  expect(inFile).toEqual(["embedding 25/100\n", "embedding 50/100\n", "embedding 75/100\n", "embedding 100/100\n"]);
});
