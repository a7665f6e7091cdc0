import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Verdict } from "../../src/contracts/verdict.ts";
import { badImages, oddButGoodImages } from "./support/bad-images.ts";
import { sightline } from "./support/command.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { put } from "./support/pictures.ts";
import { Station, temporaryDirectory, TINY_BUNDLE } from "./support/station.ts";

const INSPECT = ["inspect", "--model", TINY_BUNDLE, "--provider", "cpu", "--json"];

/** The last line is for people. */
const sentenceOf = (stderr: string): string => stderr.trim().split("\n").at(-1) ?? "";

function expectNoStackTrace(text: string): void {
  expect(text).not.toMatch(/^\s+at .*:\d+:\d+/m);
}

it("inspects a folder of good and bad images: a line for each, the bad ones as faults with their sentences", async () => {
  const folder = temporaryDirectory();
  const bad = await badImages();
  const good = await oddButGoodImages();
  for (const { file, bytes } of bad) put(join(folder, "shift 1/bad", file), bytes);
  for (const { file, bytes } of good) put(join(folder, "shift 1/good", file), bytes);
  put(join(folder, "notes.txt"), "no image by its name");

  const { code, stdout, stderr } = await sightline(...INSPECT, "--source", folder);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const byFile = new Map(lines.map((line) => [line["frame"], line]));
  expect(lines).toHaveLength(bad.length + good.length);
  for (const { file, reason, says } of bad) {
    const line = byFile.get(join("shift 1/bad", file));
    expect(line, file).toMatchObject({ verdict: "fault", reason, class: null, score: null, regions: [] });
    expect(line?.["detail"], file).toMatch(says);
  }
  for (const { file } of good) {
    expect(byFile.get(join("shift 1/good", file)), file).toMatchObject({ verdict: "pass", class: "good" });
  }
  expect(code).toBe(0);
  expect(sentenceOf(stderr)).toMatch(/13 frames.*4 pass/);
  expectNoStackTrace(stderr);
});

it("fails with 1 when nothing at all could be inspected, and with 2 when there is no such source", async () => {
  const folder = temporaryDirectory();
  const empty = await sightline(...INSPECT, "--source", folder);
  expect(empty.code).toBe(1);
  expect(sentenceOf(empty.stderr)).toContain("holds no images");

  put(join(folder, "empty.jpg"), "");
  const unreadable = await sightline(...INSPECT, "--source", join(folder, "empty.jpg"));
  expect(unreadable.code).toBe(1);
  expect(unreadable.stdout).toContain("it is empty (0 bytes)");

  const absent = await sightline(...INSPECT, "--source", join(folder, "absent"));
  expect(absent.code).toBe(2);
  expect(sentenceOf(absent.stderr)).toContain("does not exist");
  for (const { stderr } of [empty, unreadable, absent]) expectNoStackTrace(stderr);
});

it("refuses a model with one flipped bit, and one that is not there, with a sentence that names the file", async () => {
  const bundle = join(temporaryDirectory(), "bundle");
  cpSync(TINY_BUNDLE, bundle, { recursive: true });
  const model = readFileSync(join(bundle, "model.onnx"));
  model.writeUInt8(model.readUInt8(700) ^ 1, 700);
  writeFileSync(join(bundle, "model.onnx"), model);
  put(join(bundle, "part.jpg"), "");

  const flipped = await sightline("inspect", "--model", bundle, "--source", bundle);
  expect(flipped.code).toBe(1);
  expect(sentenceOf(flipped.stderr)).toContain(`${join(bundle, "model.onnx")} has SHA-256`);
  const absent = await sightline("inspect", "--model", join(bundle, "nowhere"), "--source", bundle);
  expect(absent.code).toBe(1);
  expect(sentenceOf(absent.stderr)).toContain(join(bundle, "nowhere"));
  const device = await new Station({ recipes: [{ name: "tiny", model: bundle }] }).begin();
  expect(await device.exit).toEqual({ code: 1, signal: null });
  expect(device.text()).toContain("has SHA-256");
  for (const text of [flipped.stderr, absent.stderr, device.text()]) expectNoStackTrace(text);
});

it("refuses a mistyped configuration, command or option with 2 and the likely word", async () => {
  const config = join(temporaryDirectory(), "device.yaml");
  put(config, "device: station-1\ncamera:\n  type: simulated\n  partsPerSecnd: 5\nrecipes: [{name: tiny, model: .}]\n");
  const typo = await sightline("edge", "--config", config);
  expect(typo.code).toBe(2);
  expect(typo.stderr).toContain(`${config}:4:`);
  expect(typo.stderr).toContain('did you mean "partsPerSecond"?');
  put(config, "device: [\n");
  const notYaml = await sightline("edge", "--config", config);
  expect(notYaml.code).toBe(2);
  expect(notYaml.stderr).toContain("not YAML");

  const usage: [string[], RegExp][] = [
    [["inspct"], /Did you mean "inspect"\?/],
    [["inspect", "--modle", "x"], /did you mean --model\?/],
    [["inspect", "--source", TINY_BUNDLE], /--model is needed/],
    [
      ["inspect", "--model", TINY_BUNDLE, "--source", TINY_BUNDLE, "--provider", "gpu"],
      /none of auto, tensorrt, cuda, cpu/,
    ],
    [["edge"], /--config is needed/],
    [["edge", "--config", join(config, "absent")], /cannot be read/],
    [["demo", "--port", "http"], /--port/],
    [[], /usage/],
  ];
  for (const [args, says] of usage) {
    const { code, stdout, stderr } = await sightline(...args);
    expect(code, args.join(" ")).toBe(2);
    expect(stdout + stderr).toMatch(says);
    expectNoStackTrace(stderr);
  }
});

it("ends with one sentence, and does not hang, when a secret is missing or the port is taken", async () => {
  const mqtt = { url: "mqtt://127.0.0.1:1", root: "plant", password: { env: "SIGHTLINE_NO_SUCH_SECRET" } };
  const secretless = new Station({ mqtt }).begin();
  expect(await secretless.exit).toEqual({ code: 2, signal: null });
  expect(secretless.text()).toContain("SIGHTLINE_NO_SUCH_SECRET");

  const first = await new Station({}).boot();
  const { port } = new URL(first.url);
  const second = new Station({ http: { port: Number(port) } }).begin();
  expect(await second.exit).toEqual({ code: 2, signal: null });
  expect(second.text()).toContain(`http: port ${port} of 127.0.0.1 cannot be used`);
  for (const boot of [secretless, second]) expectNoStackTrace(boot.text());
});

it("does not start a second device on the same journal", async () => {
  const station = new Station({});
  const first = await station.boot();
  const second = station.begin();
  expect(await second.exit).toMatchObject({ code: 1 });
  expect(second.text()).toMatch(/sightline edge: .*journal/);
  expect((await first.get("/readyz")).status).toBe(200);
});

it("refuses to start without a required provider", async ({ skip }) => {
  const { code, stderr } = await sightline(
    "inspect",
    "--model",
    TINY_BUNDLE,
    "--source",
    TINY_BUNDLE,
    "--provider",
    "cuda",
  );
  if (code === 0) skip("this machine has CUDA");
  expect(code).toBe(1);
  expect(sentenceOf(stderr)).toMatch(/required inference provider is not available: .*cuda/i);
  expectNoStackTrace(stderr);
});

it("answers bad images over HTTP with fault verdicts and lives on", async () => {
  const station = new Station({ trigger: { mode: "external" } });
  const boot = await station.boot();
  const bad = await badImages();
  for (const { file, bytes, reason } of bad) {
    const response = await boot.post(`/api/v1/inspect?part=${file}`, new Uint8Array(bytes));
    if (bytes.length === 0) {
      expect(response.status, "without a body there is no image and no trigger").toBe(400);
      continue;
    }
    expect(response.status, file).toBe(200);
    expect(Verdict.parse(await response.json()), file).toMatchObject({ verdict: "fault", reason, part: file });
  }
  for (const { file, bytes } of await oddButGoodImages()) {
    const response = await boot.post(`/api/v1/inspect?part=${file}`, new Uint8Array(bytes));
    expect(Verdict.parse(await response.json()), file).toMatchObject({ verdict: "pass", part: file });
  }
  expect(await boot.stop()).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  expect(ledger.triggers).toHaveLength(bad.length - 1 + 4);
});
