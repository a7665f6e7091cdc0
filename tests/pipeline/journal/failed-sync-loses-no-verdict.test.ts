import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { journalIn, temporaryDirectory } from "./open-journal.ts";

const CHILD = fileURLToPath(new URL("./writer-child.ts", import.meta.url));

it("closes, checks and reopens the journal after a sync that failed, and goes on", async ({ skip }) => {
  try {
    execFileSync("strace", ["-f", "-o", "/dev/null", "true"], { stdio: "pipe" });
  } catch {
    console.warn("skipped: strace is not installed, or may not trace here");
    return skip();
  }
  const directory = temporaryDirectory();
  // Every fortieth sync fails, be it of the log at a commit or of the file at a checkpoint.
  const inject = ["fsync", "fdatasync"].flatMap((call) => ["-e", `inject=${call}:error=EIO:when=45+40`]);
  const argv = ["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", ...inject, process.execPath, CHILD, directory];
  const child = spawn("strace", argv, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  onTestFinished(() => void (child.exitCode ?? child.signalCode ?? process.kill(-(child.pid ?? 0), "SIGKILL")));
  const acknowledged: string[] = [];
  let recordedAfter = 0;
  let unrecorded = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "unrecorded") return unrecorded++;
    if (unrecorded > 0) recordedAfter++;
    return acknowledged.push(line);
  });
  await expect.poll(() => recordedAfter, { timeout: 40_000 }).toBeGreaterThan(50);
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await once(child, "close");
  const journal = journalIn(directory);
  expect((await journal.start()).bootSeq).toBe(2);
  expect(journal.status().sentence).toBeNull();
  for (const id of acknowledged) expect(await journal.verdictById(id)).toBeDefined();
});
