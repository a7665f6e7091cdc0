import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { diagnose } from "../../src/commands/diagnose.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { hasChromium, launchChromium, lowContrasts } from "../edge/status/page-in-chromium.ts";
import { captured } from "./captured-output.ts";

const ARTEFACTS = fileURLToPath(new URL("../artefacts/", import.meta.url));
const SPAM = fileURLToPath(new URL("../fixtures/spam/predictions.csv", import.meta.url));
const SPAM_TAGS = fileURLToPath(new URL("../fixtures/spam/tags.csv", import.meta.url));
const SPAM_ARGS = ["--predictions", SPAM, "--tags", SPAM_TAGS, "--good", "ham", "--baseline-error", "0.02"];

let folder = "";
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-diagnose-"));
  await writeFile(path("parts.jsonl"), madeParts());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** 600 parts of two versions: blurred at night on line 2, a few labels wrong, embeddings, a second inspector. */
function madeParts(): string {
  const random = seededRandom(3);
  const noise = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const rows = Array.from({ length: 600 }, (_, index) => {
    const label = random() < 0.5 ? "good" : "scratch";
    const shift = random() < 0.4 ? "night" : "day";
    const line = random() < 0.5 ? "1" : "2";
    const blurred = shift === "night" && line === "2";
    const other = label === "good" ? "scratch" : "good";
    const embedding = Array.from({ length: 12 }, (_, at) =>
      Number(((at % 2 === (label === "good" ? 0 : 1) ? 0.8 : 0) + noise()).toFixed(3)),
    );
    const shared = { id: `part-${index}`, label, shift, line, tags: blurred ? ["blurred"] : [] };
    return [
      { ...shared, predicted: random() < (blurred ? 0.5 : 0.12) ? other : label, model_version: "1.0.0" },
      {
        ...shared,
        predicted: random() < (blurred ? 0.4 : 0.03) ? other : label,
        model_version: "1.1.0",
        embedding,
        ...(index < 150 ? { second_label: random() < 0.04 ? other : label } : {}),
      },
    ];
  });
  // Versions in order of appearance.
  const ordered = [...rows.map(([old]) => old), ...rows.map(([, fresh]) => fresh)];
  return ordered.map((row) => `${JSON.stringify(row)}\n`).join("");
}

test("the spam example prints its table, ceilings and advice", async () => {
  const { code, stdout, stderr } = await captured(() => diagnose.run(SPAM_ARGS));
  expect(code).toBe(0);
  expect(stderr).toBe("");
  expect(stdout).toContain("100 wrong, 20 % (95 %: 16.7 % to 23.7 %); accuracy 80 %");
  expect(stdout).toMatch(/pharmaceutical +21 +21 % +14\.2 % to 30 % +12 % +35 % +84\.2 % +21 +0\n/);
  expect(stdout).toMatch(/deliberate misspellings +1 +43 +88\.6 %\n/);
  expect(stdout).toContain("* Variance: validation is 5.0 points worse than train (95 %: 1.0 to 9.3).");
  expect(stdout).toContain("1. Let the model learn more");
  expect(stdout).toContain("Leave “deliberate misspellings” for now");
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThan(130);
});

test("the documented output is what the command prints", async () => {
  const { stdout } = await captured(() => diagnose.run(SPAM_ARGS));
  const page = await readFile(new URL("../../docs/error-analysis.md", import.meta.url), "utf8");
  const printed = stdout.replace(SPAM, "tests/fixtures/spam/predictions.csv");
  expect(page).toContain(printed.trimEnd());
});

test("the JSON document holds everything, the sample is written, and the seed decides it", async () => {
  const args = [...SPAM_ARGS, "--json", "--sample", "40", "--sample-out", path("out/sample.csv")];
  const { stdout } = await captured(() => diagnose.run(args));
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    schema: 1,
    analysed: { cases: 500, splits: ["validation"], modelVersion: null },
    table: { errors: 100, tags: [{ tag: "pharmaceutical", errors: 21 }, {}, {}, {}] },
    diagnosis: { called: ["avoidable-bias", "variance"] },
    clusters: null,
    curve: null,
  });
  const sample = await readFile(path("out/sample.csv"), "utf8");
  expect(sample.split("\n")[0]).toBe("id,label,predicted,tags");
  expect(sample.trimEnd().split("\n")).toHaveLength(41);
  const other = JSON.parse((await captured(() => diagnose.run([...args, "--seed", "2"]))).stdout);
  expect(other.sample).not.toEqual(result.sample);
});

test("versions, groups, embeddings and a second inspector are all used", async () => {
  const args = ["--predictions", path("parts.jsonl"), "--good", "good", "--images", "--json"];
  const { stdout } = await captured(() => diagnose.run(args));
  const { analysed, table, slices, clusters, curve, labels, agreement, diagnosis, next } = JSON.parse(stdout);
  expect(analysed).toMatchObject({ cases: 600, modelVersion: "1.1.0" });
  expect(table.trend.verdict).toBe("shrank");
  expect(table.tags[0].trend.versions.map(({ modelVersion }: { modelVersion: string }) => modelVersion)).toEqual([
    "1.0.0",
    "1.1.0",
  ]);
  const pair = slices.slices.find(({ conditions }: { conditions: unknown[] }) => conditions.length === 2);
  expect(pair).toMatchObject({ confirmed: true });
  expect(clusters.tried).toBeGreaterThan(0);
  expect(curve.points.length).toBeGreaterThanOrEqual(5);
  expect(labels.suspects.length).toBeGreaterThan(0);
  expect(agreement).toMatchObject({ pairs: 150 });
  expect(agreement.kappa).toBeGreaterThan(0.8);
  expect(diagnosis.baseline.errorRate).toBeCloseTo(agreement.humanError.share, 12);
  expect(
    next.steps.some(({ rule, kind }: { rule: string; kind: string }) => rule === "work-on-tag" && kind === "camera"),
  ).toBe(true);
  const { stdout: text } = await captured(() => diagnose.run(args.slice(0, -1)));
  expect(text).toContain("Learning curve");
  expect(text).toMatch(/blurred .* shrank|blurred .* unclear/);
});

test.runIf(hasChromium).each([
  ["light", "the spam example", 2],
  ["dark", "parts with embeddings", 3],
] as const)("the page can be read in %s: %s", async (colorScheme, data, plots) => {
  const file = path(`${colorScheme}.html`);
  const args = data === "the spam example" ? SPAM_ARGS : ["--predictions", path("parts.jsonl"), "--good", "good"];
  await captured(() => diagnose.run([...args, "--sample", "8", "--report", file]));
  const browser = await launchChromium();
  try {
    const page = await (await browser.newContext({ viewport: { width: 1100, height: 800 }, colorScheme })).newPage();
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    expect(await page.locator("svg").count()).toBe(plots);
    expect(await lowContrasts(page, 4.5)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    expect(requests.filter((url) => !/^(file|data):/.test(url))).toEqual([]);
    mkdirSync(ARTEFACTS, { recursive: true });
    await page.screenshot({ path: `${ARTEFACTS}analysis-report-${colorScheme}.png`, fullPage: true });
  } finally {
    await browser.close();
  }
});

test("markup in ids, tags and metadata stays text on the page", async () => {
  const evil = `<script>alert(1)</script>`;
  await writeFile(path("evil.csv"), `id,label,predicted,tags\n${evil},a,b,${evil}\n2,a,a,\n`);
  await captured(() => diagnose.run(["--predictions", path("evil.csv"), "--report", path("evil.html")]));
  const html = await readFile(path("evil.html"), "utf8");
  expect(html).not.toContain("<script");
  expect(html).toContain("&lt;script&gt;");
});

test.each([
  [[], "--predictions is needed"],
  [["--predictions", "FILE", "--good", "hamm"], "--good hamm: no case has this class; did you mean ham?"],
  [["--predictions", "FILE", "--baseline-error", "20"], "--baseline-error 20: use a number from 0 to below 1"],
  [["--predictions", "FILE", "--escape-cost", "5"], "--escape-cost and --overkill-cost need --good"],
  [["--predictions", "FILE", "--sample", "1.5"], "--sample 1.5: use a whole number"],
])("wrong usage is USAGE, so exit code 2 (%#)", async (args, sentence) => {
  const run = captured(() => diagnose.run(args.map((arg) => (arg === "FILE" ? SPAM : arg))));
  await expect(run).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining(sentence) });
});

test("a bad file is FILE_INVALID, so exit code 1, and names itself", async () => {
  await writeFile(path("empty.csv"), "");
  const runWith = (file: string, ...more: string[]) => captured(() => diagnose.run(["--predictions", file, ...more]));
  await expect(runWith(path("empty.csv"))).rejects.toMatchObject({ code: "FILE_INVALID" });
  await expect(runWith(path("none.csv"))).rejects.toThrow(/none\.csv cannot be read: .*no such file/);
  await expect(runWith(SPAM, "--tags", path("empty.csv"))).rejects.toThrow("empty.csv: the file is empty");
});

test("one case, one class or no error at all is no reason to fail", async () => {
  await writeFile(path("one.csv"), "id,label,predicted\n1,a,a\n");
  const { code, stdout } = await captured(() => diagnose.run(["--predictions", path("one.csv")]));
  expect(code).toBe(0);
  expect(stdout).toContain("0 wrong, 0 % (95 %: 0 % to 79.3 %)");
  expect(stdout).not.toMatch(/NaN|undefined|Infinity/);
});
