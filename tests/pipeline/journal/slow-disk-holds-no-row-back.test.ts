import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { journalIn, temporaryDirectory } from "./open-journal.ts";
import { sampleTrigger, sampleVerdict } from "./sample-rows.ts";

const workerUrl = new URL("./slow-disk-worker.ts", import.meta.url);

test("a verdict that comes while its trigger is being written is written next, though no other part follows", async () => {
  const journal = journalIn(temporaryDirectory(), {}, { workerUrl });
  const { bootSeq } = await journal.start();
  const trigger = sampleTrigger();
  void journal.recordTrigger(trigger);
  await sleep(50); // the trigger's group is being written by now
  expect(await journal.recordVerdict(trigger.triggerId, sampleVerdict(bootSeq, 1))).toBe("recorded");
  expect(journal.status()).toMatchObject({ triggers: 1, verdicts: 1 });
});
