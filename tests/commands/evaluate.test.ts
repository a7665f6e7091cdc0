import { existsSync, mkdirSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evaluate } from "../../src/commands/evaluate.ts";
import { hasChromium, launchChromium, lowContrasts } from "../edge/status/page-in-chromium.ts";
import { TINY_BUNDLE, writeSpottedParts } from "../training/spotted-parts.ts";
import { captured } from "./captured-output.ts";

const ARTEFACTS = fileURLToPath(new URL("../artefacts/", import.meta.url));
const MAGNETIC_TILE = fileURLToPath(new URL("../../../shared/data/magnetic-tile", import.meta.url));
const TILE_SURFACE = fileURLToPath(new URL("../../models/tile-surface", import.meta.url));

let folder = "";
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-evaluate-"));
  await writeSpottedParts(path("parts"), { good: 30, defective: 30, framesPerPart: 2 });
  await writeFile(path("parts/good/0-0.png"), "no image");
  await cp(TINY_BUNDLE, path("model"), { recursive: true });
  await cp(path("model/model.onnx"), path("model/checkpoint.onnx"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the JSON document holds every figure with its interval, and the page is written", async () => {
  const args = [
    "--model",
    path("model"),
    "--data",
    path("parts"),
    "--slice",
    "shift",
    "--report",
    path("out/report.html"),
  ];
  const { code, stdout, stderr } = await captured(() => evaluate.run([...args, "--json"]));
  expect(code).toBe(0);
  const result = JSON.parse(stdout);
  expect(stderr).toContain("left out: good/0-0.png");
  expect(result).toMatchObject({
    schema: 1,
    model: { name: "tiny", certificate: null },
    data: { splitBy: ["part"], unreadable: [{ file: "good/0-0.png" }] },
    frames: 119,
    trainedFrames: 0,
    parts: { good: 30, defective: 30 },
    regions: null,
    folds: null,
    agreement: { verdicts: 1, classes: 1, largestScoreChange: 0 },
    speed: [{ threads: 1 }, { threads: 2 }],
  });
  const { quality, classes, confusion, slices, riskCoverage, calibration } = result;
  for (const { value, interval } of [quality.auroc, quality.averagePrecision, quality.balancedAccuracy]) {
    expect(interval.low).toBeLessThanOrEqual(value);
    expect(interval.high).toBeGreaterThanOrEqual(value);
  }
  expect(quality.escape.parts).toBe(30);
  expect(quality.escape.wrongParts).toBeGreaterThan(0);
  expect(classes.map(({ name }: { name: string }) => name)).toEqual(["bright-spot", "dark-spot", "good"]);
  expect(
    confusion.rows.flatMap(({ counts }: { counts: number[] }) => counts).reduce((a: number, b: number) => a + b),
  ).toBe(119);
  expect(slices.map(({ value }: { value: string }) => value)).toEqual(["early", "late"]);
  expect(riskCoverage.augrc).toBeGreaterThan(0);
  expect(calibration.topLabelBins).toHaveLength(15);
  const html = await readFile(path("out/report.html"), "utf8");
  expect(html).not.toMatch(/(src|href)="(?!data:)/);
  expect(html).toContain("data:image/jpeg;base64,");
});

test.runIf(hasChromium).each(["light", "dark"] as const)("the page can be read in %s", async (colorScheme) => {
  await captured(() =>
    evaluate.run(["--model", path("model"), "--data", path("parts"), "--report", path(`${colorScheme}.html`)]),
  );
  const browser = await launchChromium();
  try {
    const page = await (await browser.newContext({ viewport: { width: 1100, height: 800 }, colorScheme })).newPage();
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(path(`${colorScheme}.html`)).href);
    expect(await page.locator("svg").count()).toBe(6);
    expect(requests.filter((url) => !/^(file|data):/.test(url))).toEqual([]);
    expect(await lowContrasts(page, 4.5)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    mkdirSync(ARTEFACTS, { recursive: true });
    await page.screenshot({ path: `${ARTEFACTS}evaluation-report-${colorScheme}.png`, fullPage: true });
  } finally {
    await browser.close();
  }
});

test("data of one kind alone are evaluated too, without a ranking", async () => {
  await writeSpottedParts(path("only-good"), { good: 8, defective: 0 });
  const args = ["--model", path("model"), "--data", path("only-good")];
  const { stdout } = await captured(() => evaluate.run([...args, "--json", "--report", path("only-good.html")]));
  expect(JSON.parse(stdout)).toMatchObject({ quality: { auroc: null, escape: { parts: 0 }, overkill: { parts: 8 } } });
  const { stdout: table } = await captured(() => evaluate.run(args));
  expect(table).toContain("no such parts");
});

test("at most so many frames are judged, every label among them", async () => {
  const args = ["--model", path("model"), "--data", path("parts"), "--max", "9", "--json"];
  const { stdout } = await captured(() => evaluate.run(args));
  const { frames, confusion } = JSON.parse(stdout);
  expect(frames).toBeGreaterThan(7);
  expect(confusion.rows).toHaveLength(3);
});

test("a column that is not there is refused with those that are", async () => {
  const args = ["--model", path("model"), "--data", path("parts"), "--slice", "colour"];
  await expect(captured(() => evaluate.run(args))).rejects.toThrow("--slice colour: the data have part, shift");
});

test.skipIf(!existsSync(MAGNETIC_TILE))(
  "real photographs are counted by tile (skipped where they are absent)",
  async () => {
    const args = ["--model", TILE_SURFACE, "--data", MAGNETIC_TILE, "--max", "60", "--slice", "lighting", "--json"];
    const { stdout } = await captured(() => evaluate.run(args));
    const result = JSON.parse(stdout);
    expect(result.frames).toBe(60);
    expect(result.data.splitBy).toEqual(["tile"]);
    expect(result.quality.auroc.value).toBeGreaterThan(0.9);
  },
);
