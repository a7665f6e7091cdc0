import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { calibrate } from "../../src/commands/calibrate.ts";
import { certificateFault } from "../../src/contracts/certificate-fault.ts";
import { openBundle } from "../../src/pipeline/infer/open-bundle.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { TINY_BUNDLE, writeSpottedParts } from "../training/spotted-parts.ts";
import { captured } from "./captured-output.ts";

let folder = "";
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-calibrate-"));
  await writeSpottedParts(path("many"), { good: 60, defective: 70 });
  await writeSpottedParts(path("few"), { good: 20, defective: 20, framesPerPart: 2, seed: 2 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function bundleWith(name: string, trainingFiles: readonly string[] = []): Promise<string> {
  await cp(TINY_BUNDLE, path(name), { recursive: true });
  await writeFile(join(path(name), "training-files.txt"), trainingFiles.map((line) => `${line}\n`).join(""));
  await cp(join(path(name), "model.onnx"), join(path(name), "checkpoint.onnx"));
  return path(name);
}

async function calibrated(args: string[]) {
  const { code, stdout, stderr } = await captured(() => calibrate.run([...args, "--json"]));
  expect(code).toBe(0);
  return { result: JSON.parse(stdout), stderr };
}

const hashesOf = async (data: string): Promise<string[]> =>
  Promise.all(
    (await readDataFolder(data)).images.map(async (image) =>
      createHash("sha256")
        .update(await readFile(image.path))
        .digest("hex"),
    ),
  );

test("enough held-out parts make a certificate for exactly this model file", async () => {
  const model = await bundleWith("certified");
  const { result } = await calibrated(["--model", model, "--data", path("many"), "--max-escape", "0.05"]);
  const bundle = await openBundle(model);
  const { certificate, decision } = bundle.manifest;
  expect(certificate).toEqual(result.certificate);
  expect(certificate).toMatchObject({ maxEscape: 0.05, confidence: 0.95, parts: 70, escapes: 0, overkill: null });
  expect(certificate?.modelSha256).toBe(bundle.modelSha256);
  expect(certificate?.passBelow).toBe(decision.passBelow);
  expect(decision.passBelow).toBeLessThanOrEqual(decision.rejectFrom);
  expect(decision.temperature).not.toBe(1);
  expect(certificateFault(bundle.manifest, bundle.modelSha256)).toBeNull();
  expect(result.sentences).toEqual([
    "promised: at most 5 % of defective parts pass, with 95 % confidence (70 held-out defective parts, 0 of them passed)",
  ]);
  expect(await readFile(join(model, "MODEL_CARD.md"), "utf8")).toContain("- Promised: at most 5 %");
  // Both files carry the temperature.
  const bytes = await readFile(join(model, "model.onnx"));
  expect(bytes.equals(await readFile(join(model, "checkpoint.onnx")))).toBe(true);
  expect(bytes.includes("head.temperature")).toBe(true);
  expect(bytes.includes("head.class_bias")).toBe(true);

  const again = await calibrated(["--model", model, "--data", path("many"), "--max-escape", "0.05"]);
  expect(again.result.certificate.modelSha256).toBe(certificate?.modelSha256);
});

test("too few parts are told what they support, and the certificate stays empty", async () => {
  const model = await bundleWith("too-few");
  const { result } = await calibrated(["--model", model, "--data", path("few"), "--max-overkill", "0.2"]);
  expect(result.certificate).toBeNull();
  expect(result.escape).toMatchObject({ kept: false, parts: 20, missingParts: 279 });
  expect(result.sentences[0]).toBe(
    "not promised: at most 1 % of defective parts pass, with 95 % confidence: 20 held-out defective parts support 13.92 % " +
      "at that confidence (--max-escape 0.1392); 279 more are needed",
  );
  expect(result.overkill).toMatchObject({ kept: true, parts: 20 });
  const supported = await calibrated(["--model", model, "--data", path("few"), "--max-escape", "0.1392"]);
  expect(supported.result.certificate).toMatchObject({ maxEscape: 0.1392, parts: 20, escapes: 0 });
});

test("parts the model was trained on are left out whole, and alone they certify nothing", async () => {
  const hashes = await hashesOf(path("few"));
  const some = await bundleWith("leak", hashes.slice(0, 3));
  const { result } = await calibrated(["--model", some, "--data", path("few"), "--max-escape", "0.5"]);
  // Three files of two parts, two frames each.
  expect(result.leftOut).toMatchObject({ trained: 4, synthetic: 0 });
  const all = await bundleWith("all-known", hashes);
  const refused = await calibrated(["--model", all, "--data", path("few"), "--max-escape", "0.5", "--held-out"]);
  expect(refused.result.certificate).toBeNull();
  expect(refused.result.sentences).toEqual([
    "no certificate: no frame is left that the model was not trained on; calibrate on parts it never saw",
  ]);
});

test("a bundle that does not say what it was trained on needs somebody's word", async () => {
  const model = await bundleWith("silent");
  await rm(join(model, "training-files.txt"));
  const args = ["--model", model, "--data", path("few"), "--max-escape", "0.5"];
  const { result } = await calibrated(args);
  expect(result.certificate).toBeNull();
  expect(result.sentences[0]).toContain("say --held-out");
  expect((await calibrated([...args, "--held-out"])).result.certificate).toMatchObject({ maxEscape: 0.5 });
});

test("synthetic frames never certify", async () => {
  await writeSpottedParts(path("rendered"), { good: 10, defective: 10, synthetic: "1" });
  const model = await bundleWith("synthetic");
  const args = ["--model", model, "--data", path("rendered"), "--max-escape", "0.5"];
  const { result } = await calibrated(args);
  expect(result).toMatchObject({ certificate: null, leftOut: { synthetic: 20 } });
  expect(result.sentences[0]).toContain("synthetic frames never certify");
  const mixed = await calibrated([...args, "--data", path("few")]);
  expect(mixed.result.certificate).toMatchObject({ parts: 20 });
});

test("costs move the limits: dear escapes lower what passes, dear review closes the band", async () => {
  const costs = (escape: string, overkill: string, review: string): string[] => [
    "--cost-escape",
    escape,
    "--cost-overkill",
    overkill,
    "--cost-review",
    review,
  ];
  const run = async (name: string, args: string[]) =>
    (await calibrated(["--model", await bundleWith(name), "--data", path("many"), ...args])).result;
  const dear = await run("dear", costs("1000", "10", "1"));
  const cheap = await run("cheap", costs("2", "10", "1"));
  expect(dear.decision.passBelow).toBeLessThanOrEqual(cheap.decision.passBelow);
  expect(dear.certificate).toBeNull();
  expect(dear.sentences).toEqual(["no certificate: the limits were chosen by cost, and no --max-escape was given"]);
  const closed = await run("closed", costs("10", "10", "100"));
  expect(closed.decision.passBelow).toBe(closed.decision.rejectFrom);
  const both = await run("both", [...costs("0.1", "10", "1"), "--max-escape", "0.05"]);
  expect(both.decision.passBelow).toBeLessThanOrEqual(both.certificate.passBelow);
});

test.each([
  [["--model", "m"], "--data is needed"],
  [["--data", "d"], "--model is needed"],
  [["--model", "m", "--data", "d", "--max-escape", "1"], "--max-escape 1: use a number between 0 and 1"],
  [["--model", "m", "--data", "d", "--cost-escape", "5"], "--cost-overkill and --cost-review is missing"],
  [["--model", "m", "--data", "d", "--max-escapes", "1"], "did you mean --max-escape?"],
])("%j is refused with a sentence", async (args, sentence) => {
  const whole = args[1] === "m" && args.length === 2 ? ["--model", TINY_BUNDLE] : args;
  await expect(calibrate.run(whole)).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining(sentence),
  });
});
