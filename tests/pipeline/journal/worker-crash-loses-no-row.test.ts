import { expect, it } from "vitest";
import { journalIn, temporaryDirectory } from "./open-journal.ts";
import { sampleTrigger, sampleVerdict } from "./sample-rows.ts";

it("writes every row once though its worker keeps falling over", async () => {
  const directory = temporaryDirectory();
  const journal = journalIn(directory, {}, { workerUrl: new URL("./worker-crash-child.ts", import.meta.url) });
  const { bootSeq } = await journal.start();
  for (let seq = 1; seq <= 300; seq++) {
    const trigger = sampleTrigger();
    void journal.recordTrigger(trigger);
    void journal.recordVerdict(trigger.triggerId, sampleVerdict(bootSeq, seq));
    if (seq % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await expect
    .poll(() => journal.status(), { timeout: 40_000 })
    .toMatchObject({ verdicts: 300, triggers: 300, refused: 0 });
  await journal.stop();
  const again = journalIn(directory);
  expect(await again.start()).toEqual({ bootSeq: bootSeq + 1, interrupted: [] });
  expect((await again.latestVerdicts(1000)).map(({ verdictSeq }) => verdictSeq)).toEqual(
    Array.from({ length: 300 }, (_, n) => 300 - n),
  );
});
