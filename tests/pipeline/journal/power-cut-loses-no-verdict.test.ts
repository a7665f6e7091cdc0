import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { journalIn } from "./open-journal.ts";
import { LoopDisk } from "./loop-disk.ts";

const CHILD = fileURLToPath(new URL("./writer-child.ts", import.meta.url));

it("has every acknowledged verdict on disk after the power is cut", async ({ skip }) => {
  const disk = LoopDisk.create(64 * 1024 ** 2);
  if (disk === undefined) return skip();
  onTestFinished(() => disk.destroy());
  const directory = join(disk.path, "journal");
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const acknowledged: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => line !== "unrecorded" && acknowledged.push(line));
  await expect.poll(() => acknowledged.length, { timeout: 30_000, interval: 10 }).toBeGreaterThan(300);
  await disk.cutPower();
  child.kill("SIGKILL");
  await once(child, "close"); // with all it had printed
  disk.unmount();
  disk.mount();

  const database = new DatabaseSync(join(directory, "journal.sqlite"));
  expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  const kept = new Set(
    database
      .prepare("SELECT id FROM verdicts")
      .all()
      .map(({ id }) => String(id)),
  );
  database.close();
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  const journal = journalIn(directory);
  expect((await journal.start()).bootSeq).toBe(2);
  const { triggers, verdicts } = journal.status();
  expect(triggers).toBeGreaterThanOrEqual(verdicts);
  await journal.stop();
});
