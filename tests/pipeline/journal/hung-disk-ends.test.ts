import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { journalIn, temporaryDirectory } from "./open-journal.ts";
import { sampleTrigger, sampleVerdict } from "./sample-rows.ts";

it("ends in time on a disk that does not answer any more, and says what was not recorded", async () => {
  const directory = temporaryDirectory();
  const pipe = join(directory, "hang");
  execFileSync("mkfifo", [pipe]);
  const exitListeners = process.listenerCount("exit");
  const journal = journalIn(directory, {}, { workerUrl: new URL("./hung-disk-worker.ts", import.meta.url) });
  await journal.start();
  onTestFinished(async () => {
    await writeFile(pipe, "");
    await expect.poll(() => process.listenerCount("exit"), "the thread has ended").toBe(exitListeners);
  });
  const trigger = sampleTrigger();
  void journal.recordTrigger(trigger);
  const recorded = journal.recordVerdict(trigger.triggerId, sampleVerdict(1, 1));
  const startedAt = performance.now();
  await journal.stop();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect(await recorded).toBe("unrecorded");
  expect(journal.status()).toMatchObject({ recording: false, unrecorded: 1 });
}, 15_000);
