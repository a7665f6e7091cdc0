import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tableRows } from "../../src/commands/doctor.ts";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const TINY = fileURLToPath(new URL("../fixtures/tiny-bundle", import.meta.url));
let folder: string;
let config: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sightline-doctor-"));
  config = join(folder, "device.yaml");
  const recipe = `recipes: [{ name: tiny, model: ${TINY} }]`;
  writeFileSync(config, `device: t1\ncamera: { type: simulated }\n${recipe}\nhttp: { port: 0 }\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function runDoctor(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, "doctor", ...args], {
    encoding: "utf8",
  });
}
interface Document {
  ok: boolean;
  checks: { name: string; level: string; sentence: string; remedy: string | null }[];
}

test("a machine that can inspect: exit 0, and one JSON document", () => {
  const { status, stdout } = runDoctor("--config", config, "--run-model", "--json");
  const document = JSON.parse(stdout) as Document;
  expect(document.checks.filter(({ level }) => level === "failure")).toEqual([]);
  expect(document.ok).toBe(true);
  expect(document.checks.map(({ name }) => name)).toEqual([
    "configuration",
    "node",
    "sqlite",
    "processor",
    "memory",
    "clock",
    "storage",
    "camera",
    "inference",
    "recipe tiny",
    "broker",
    "hub",
    "releases",
    "reject signal",
    "http",
  ]);
  expect(status).toBe(0);
});

test("a failure: exit 1, named with what to do, and no colour without a terminal", () => {
  writeFileSync(
    config,
    `device: t1\ncamera: { type: v4l2, device: /dev/video99 }\nrecipes: [{ name: tiny, model: none }]\nhttp: { port: 0 }\n`,
  );
  const { status, stdout } = runDoctor("--config", config);
  expect(stdout).toMatch(/^camera +FAILURE +\/dev\/video99 is not there/m);
  expect(stdout).toMatch(/^recipe tiny +FAILURE/m);
  expect(stdout).toContain("-> correct camera in the configuration");
  expect(stdout).toMatch(/15 checks: 2 failed/);
  expect(stdout).not.toContain("\u001b");
  expect(status).toBe(1);
});

test("a configuration with a typo: exit 2, and the machine is examined all the same", () => {
  writeFileSync(config, "device: t1\ncamra: {}\n");
  const { status, stdout } = runDoctor("--config", config, "--json");
  const document = JSON.parse(stdout) as Document;
  expect(document.checks[0]).toMatchObject({
    name: "configuration",
    level: "failure",
    sentence: expect.stringContaining('did you mean "camera"?'),
  });
  expect(document.checks.some(({ name }) => name === "inference")).toBe(true);
  expect(status).toBe(2);
});

test("a mistyped option: exit 2", () => {
  const { status, stderr } = runDoctor("--run-modle");
  expect(stderr).toContain("did you mean --run-model?");
  expect(status).toBe(2);
});

test("on a terminal the word is coloured, and says the same without colour", () => {
  const result = { name: "disk", level: "failure", sentence: "is full", remedy: "free some" } as const;
  expect(tableRows(result, true)).toContain("\u001b[31mFAILURE");
  expect(tableRows(result, false)).toBe(`disk                FAILURE  is full\n${" ".repeat(29)}-> free some\n`);
});
