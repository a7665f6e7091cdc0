import { expect, test } from "vitest";
import {
  judgeClock,
  judgeMemory,
  judgeNode,
  judgeProcessor,
  judgeSqlite,
  machineChecks,
} from "../../../src/edge/doctor/machine-checks.ts";

test.each([
  ["24.15.0", "ok"],
  ["26.0.0", "ok"],
  ["20.19.1", "failure"],
  ["9.0.0", "failure"],
])("Node %s is %s", (version, level) => {
  expect(judgeNode(version).level).toBe(level);
});

test.each([
  ["3.51.3", "ok"],
  ["3.53.0", "ok"],
  ["4.0.0", "ok"],
  ["3.51.2", "failure"],
  ["3.40.1", "failure"],
])("SQLite %s is %s", (version, level) => {
  expect(judgeSqlite(version).level).toBe(level);
});

test("a Node without SQLite is a failure with its remedy", () => {
  expect(judgeSqlite(undefined)).toMatchObject({ level: "failure", remedy: expect.stringContaining("npx sightline") });
});

test("dot-product instructions are found on x64 and arm64", () => {
  expect(judgeProcessor("flags\t\t: fpu avx2 avx512_vnni\n", 4)).toMatchObject({
    level: "ok",
    sentence: "4 cores, int8 instructions: avx512_vnni",
  });
  expect(judgeProcessor("Features\t: fp asimd asimddp\n", 6)).toMatchObject({
    level: "ok",
    sentence: "6 cores, int8 instructions: asimddp",
  });
  expect(judgeProcessor("flags\t: fpu avx2\n", 4)).toMatchObject({ level: "warning" });
  expect(judgeProcessor("flags\t: avx_vnni\n", 1)).toMatchObject({
    level: "warning",
    remedy: expect.stringContaining("two or more"),
  });
});

test("little memory is a warning", () => {
  expect(judgeMemory(8e9, 4e9)).toMatchObject({ level: "ok", sentence: "8.0 GB memory, 4.0 GB available" });
  expect(judgeMemory(8e9, 0.2e9).level).toBe("warning");
  expect(judgeMemory(1e9, 0.9e9).level).toBe("warning");
});

test("a clock nobody sets is a warning", () => {
  expect(judgeClock(true).level).toBe("ok");
  expect(judgeClock(false)).toMatchObject({ level: "warning", remedy: expect.stringContaining("timedatectl") });
});

test("this machine passes, with a plausible amount of memory", async () => {
  const findings = await Promise.all(machineChecks.map(({ look }) => look()));
  expect(findings.filter(({ level }) => level === "failure")).toEqual([]);
  const memory = findings.find(({ sentence }) => sentence.includes("memory"))?.sentence ?? "";
  expect(Number.parseFloat(memory)).toBeLessThan(100_000);
});
