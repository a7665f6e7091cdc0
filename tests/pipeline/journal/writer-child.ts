import { SqliteJournal } from "../../../src/pipeline/journal/sqlite-journal.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { sampleTrigger, sampleVerdict } from "./sample-rows.ts";

/** Records verdicts in DIRECTORY as fast as they are taken and prints the id of each, "unrecorded" where it was not. */
const journal = new SqliteJournal(
  { directoryPath: process.argv[2] ?? "", hubConfigured: false },
  { clock: systemClock, logger: silentLogger, random: Math.random },
);
const { bootSeq } = await journal.start();
let verdictSeq = 0;
async function writer(): Promise<void> {
  for (;;) {
    const trigger = sampleTrigger();
    const verdict = sampleVerdict(bootSeq, ++verdictSeq);
    void journal.recordTrigger(trigger);
    if ((await journal.recordVerdict(trigger.triggerId, verdict)) === "recorded")
      process.stdout.write(`${verdict.id}\n`);
    else {
      process.stdout.write("unrecorded\n");
      await systemClock.sleep(50);
    }
  }
}
for (let lane = 0; lane < 24; lane++) void writer();
