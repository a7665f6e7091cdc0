import { existsSync, rmSync, writeFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { LoopDisk } from "./loop-disk.ts";
import { journalIn, temporaryDirectory } from "./open-journal.ts";
import { sampleTrigger, sampleVerdict } from "./sample-rows.ts";

const MiB = 1024 ** 2;

it("writes into the reserve when the disk is full, says what it cannot record, and recovers by itself", async ({
  skip,
}) => {
  const disk = LoopDisk.create(24 * MiB);
  if (disk === undefined) return skip();
  onTestFinished(() => disk.destroy());
  const directory = join(disk.path, "journal");
  const journal = journalIn(directory, { queueRows: 3000 });
  const { bootSeq } = await journal.start();
  const recorded: Verdict[] = [];
  const states = new Set<string>();
  let seq = 0;
  const write = async (count: number): Promise<void> => {
    const verdicts = Array.from({ length: count }, () => sampleVerdict(bootSeq, ++seq));
    const answers = await Promise.all(
      verdicts.map((verdict) => {
        const trigger = sampleTrigger();
        void journal.recordTrigger(trigger);
        return journal.recordVerdict(trigger.triggerId, verdict);
      }),
    );
    answers.forEach((answer, place) => answer === "recorded" && recorded.push(verdicts[place] as Verdict));
    states.add(journal.status().state);
  };
  await write(32);
  expect(journal.status().state).toBe("recording");

  fillDisk(join(disk.path, "junk"));
  while (journal.status().state === "recording") await write(64);
  expect(journal.status().state).toBe("recording-on-reserve");
  expect(journal.status().sentence).toMatch(/disk that holds .* is full; verdicts go into a reserve of 4194304 bytes/);
  expect(existsSync(join(directory, "reserve"))).toBe(false);
  const onReserve = recorded.length;

  while (journal.status().recording) await write(64);
  expect(recorded.length - onReserve).toBeGreaterThan(1000);
  expect(journal.status().sentence).toMatch(
    /not being recorded: the disk that holds .* is full and the reserve is used up/,
  );
  const startedTick = performance.now();
  await write(2000); // nobody waits for the disk
  expect(performance.now() - startedTick).toBeLessThan(1000);
  await write(2000);
  const { unrecorded } = journal.status();
  expect(unrecorded).toBeGreaterThan(0);
  expect((await journal.latestVerdicts(1000)).length).toBe(1000); // what is there can still be read

  for (const name of readdirSync(disk.path)) if (name.startsWith("junk")) rmSync(join(disk.path, name));
  await expect.poll(() => journal.status().state, { timeout: 30_000 }).toBe("recording");
  expect(existsSync(join(directory, "reserve"))).toBe(true);
  await expect.poll(() => journal.status().verdicts + unrecorded, { timeout: 10_000 }).toBe(seq);
  await write(16);
  for (const verdict of recorded) expect(await journal.verdictById(verdict.id)).toBeDefined();
  expect(states).toEqual(new Set(["recording", "recording-on-reserve", "not-recording"]));
  await journal.stop();
}, 120_000);

it("starts, counts the boot and inspects on when the disk is full already", async ({ skip }) => {
  const disk = LoopDisk.create(24 * MiB);
  if (disk === undefined) return skip();
  onTestFinished(() => disk.destroy());
  const directory = join(disk.path, "journal");
  const journal = journalIn(directory);
  await journal.start();
  await journal.stop();
  rmSync(join(directory, "reserve"));
  fillDisk(join(disk.path, "junk"));
  const again = journalIn(directory);
  expect((await again.start()).bootSeq).toBe(2);
  expect(await again.recordVerdict(sampleTrigger().triggerId, sampleVerdict(2, 1))).toBe("unrecorded");
  await again.stop();
  expect(again.status()).toMatchObject({ state: "not-recording", unrecorded: 1 });
  const third = journalIn(directory);
  expect((await third.start()).bootSeq).toBe(3);
  await third.stop();
}, 60_000);

it("keeps to its quota: released rows go first, then the reserve is used, and unsent verdicts are never deleted", async () => {
  const directory = temporaryDirectory();
  const journal = journalIn(directory, { maxBytes: 8 * MiB, queueRows: 2000 });
  const { bootSeq } = await journal.start();
  let seq = 0;
  let taken = 0;
  const write = async (): Promise<void> => {
    const verdicts = Array.from({ length: 64 }, () => sampleVerdict(bootSeq, ++seq));
    const answers = await Promise.all(
      verdicts.map((verdict) => journal.recordVerdict(sampleTrigger().triggerId, verdict)),
    );
    taken += answers.filter((answer) => answer === "recorded").length;
  };
  while (journal.status().recording) await write();
  expect(journal.status().sentence).toMatch(
    /has used its quota of 8388608 bytes with verdicts that nobody has taken yet/,
  );
  expect(journal.status().bytes).toBeLessThanOrEqual(8 * MiB);
  expect((await journal.unsent(0, 1))[0]?.row).toBe(1);
  expect(taken).toBeGreaterThan(1500);

  journal.markSentThrough(taken); // the broker is back
  await expect.poll(() => journal.status().state, { timeout: 30_000 }).toBe("recording");
  await write();
  expect(journal.status()).toMatchObject({ verdicts: seq, unrecorded: 0 });
}, 90_000);

/** Down to the last block. */
function fillDisk(path: string): void {
  for (const blockBytes of [MiB, 4096])
    try {
      for (let file = 0; ; file++) writeFileSync(`${path}-${blockBytes}-${file}`, Buffer.alloc(blockBytes, 1));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
}
