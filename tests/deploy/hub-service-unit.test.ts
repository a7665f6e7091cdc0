import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const UNIT = new URL("../../deploy/hub/sightline-hub.service", import.meta.url);
const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!hasSystemd) process.stderr.write("systemd-analyze is not here: the tests of the hub's unit are skipped\n");
let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sightline-hub-unit-"));
  path = join(folder, "sightline-hub.service");
  // `verify` wants the program to be there.
  writeFileSync(path, readFileSync(UNIT, "utf8").replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.skipIf(!hasSystemd)("systemd has nothing to say against the hub's unit", () => {
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", path], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

test.skipIf(!hasSystemd)("the hub's exposure is at most 1.8", () => {
  const report = execFileSync("systemd-analyze", ["security", "--offline=true", path], { encoding: "utf8" });
  expect(Number(/exposure level for \S+: ([\d.]+)/.exec(report)?.[1])).toBeLessThanOrEqual(1.8);
});
