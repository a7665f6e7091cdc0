import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { assertSafeSqlite } from "../../../src/pipeline/journal/ledger-schema.ts";
import { journalIn, temporaryDirectory } from "./open-journal.ts";
import { sampleTrigger, sampleVerdict } from "./sample-rows.ts";

describe("the journal", () => {
  it("gives back what it recorded, after a stop and a new start", async () => {
    const directory = temporaryDirectory();
    const journal = journalIn(directory);
    const { bootSeq } = await journal.start();
    const trigger = sampleTrigger({ requestId: "plc-7" });
    const verdict = sampleVerdict(bootSeq, 1);
    void journal.recordTrigger(trigger);
    expect(await journal.verdictOfRequest("plc-7")).toBe("pending");
    expect(await journal.recordVerdict(trigger.triggerId, verdict)).toBe("recorded");
    await journal.recordAudit({
      at: verdict.decidedAt,
      action: "flag",
      verdictId: verdict.id,
      by: "Ann",
      detail: { note: "look" },
    });
    await journal.stop();

    const again = journalIn(directory);
    expect(await again.start()).toEqual({ bootSeq: bootSeq + 1, interrupted: [] });
    expect(await again.latestVerdicts(10)).toEqual([verdict]);
    expect(await again.verdictById(verdict.id)).toEqual(verdict);
    expect(await again.verdictOfRequest("plc-7")).toEqual(verdict);
    expect(await again.verdictOfRequest("plc-8")).toBeUndefined();
    expect(again.status()).toMatchObject({ state: "recording", triggers: 1, verdicts: 1, backlog: 1, sentence: null });
  });

  it("answers a repeated request with the verdict that still waits for the disk", async () => {
    const journal = journalIn(temporaryDirectory(), { groupMs: 60_000, groupRows: 2 });
    const { bootSeq } = await journal.start();
    const onDisk = sampleTrigger({ requestId: "plc-1" });
    await Promise.all([onDisk, sampleTrigger()].map((trigger) => journal.recordTrigger(trigger)));
    expect(await journal.verdictOfRequest("plc-1")).toBe("pending");
    const verdict = sampleVerdict(bootSeq, 1);
    void journal.recordVerdict(onDisk.triggerId, verdict);
    expect(await journal.verdictOfRequest("plc-1")).toEqual(verdict);
  });

  it("refuses a second verdict for a trigger and keeps the first", async () => {
    const journal = journalIn(temporaryDirectory());
    const { bootSeq } = await journal.start();
    const trigger = sampleTrigger();
    const first = sampleVerdict(bootSeq, 1);
    void journal.recordTrigger(trigger);
    const answers = [first, sampleVerdict(bootSeq, 2)].map((verdict) =>
      journal.recordVerdict(trigger.triggerId, verdict),
    );
    expect(await Promise.all(answers)).toEqual(["recorded", "refused"]);
    expect(await journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, 1))).toBe("refused");
    expect(await journal.latestVerdicts(10)).toEqual([first]);
    expect(journal.status()).toMatchObject({ triggers: 1, verdicts: 1, refused: 2 });
  });

  it("takes the same verdict twice as one", async () => {
    const journal = journalIn(temporaryDirectory());
    const { bootSeq } = await journal.start();
    const { triggerId } = sampleTrigger();
    const verdict = sampleVerdict(bootSeq, 1);
    expect(await journal.recordVerdict(triggerId, verdict)).toBe("recorded");
    expect(await journal.recordVerdict(triggerId, verdict)).toBe("recorded");
    expect(journal.status()).toMatchObject({ triggers: 1, verdicts: 1, refused: 0 });
  });

  it("reports triggers of an earlier boot that have no verdict, until they have one", async () => {
    const directory = temporaryDirectory();
    const journal = journalIn(directory);
    await journal.start();
    const trigger = sampleTrigger({ part: "tile-9", source: "mqtt", requestId: "plc-9" });
    await journal.recordTrigger(trigger);
    await journal.stop();

    const second = journalIn(directory);
    expect((await second.start()).interrupted).toEqual([trigger]);
    await second.stop();
    const third = journalIn(directory);
    const { interrupted, bootSeq } = await third.start();
    expect(interrupted).toEqual([trigger]);
    await third.recordVerdict(trigger.triggerId, sampleVerdict(bootSeq, 1));
    await third.stop();
    const fourth = journalIn(directory);
    expect((await fourth.start()).interrupted).toEqual([]);
    expect(fourth.status()).toMatchObject({ triggers: 1, verdicts: 1 });
  });

  it("writes sixteen rows at once and a single row within its time", async () => {
    const journal = journalIn(temporaryDirectory(), { groupMs: 3_600_000 });
    const { bootSeq } = await journal.start();
    let commits = 0;
    journal.onRecorded(() => commits++);
    const writes = Array.from({ length: 16 }, (_, n) =>
      journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, n + 1)),
    );
    expect(new Set(await Promise.all(writes))).toEqual(new Set(["recorded"]));
    expect(commits).toBe(1);

    const quick = journalIn(temporaryDirectory());
    const opening = await quick.start();
    expect(await quick.recordVerdict(sampleTrigger().triggerId, sampleVerdict(opening.bootSeq, 1))).toBe("recorded");
  });

  it("keeps verdicts for the broker, and with a hub until the hub has acknowledged them", async () => {
    const journal = journalIn(temporaryDirectory(), { hubConfigured: true });
    const { bootSeq } = await journal.start();
    for (const seq of [1, 2, 3, 4]) await journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, seq));
    const rows = await journal.unsent(0, 3);
    expect(rows.map(({ json }) => JSON.parse(json).verdictSeq)).toEqual([1, 2, 3]);
    journal.markSentThrough(rows[2]?.row ?? 0);
    expect(journal.status()).toMatchObject({ backlog: 1, unacknowledged: 3 });
    journal.markAcknowledged(bootSeq, 2);
    await expect.poll(() => journal.status()).toMatchObject({ backlog: 1, unacknowledged: 1 });
    journal.markAcknowledged(bootSeq, 99); // names a verdict that does not exist
    await journal.resendUnacknowledged();
    const again = await journal.unsent(0, 10);
    expect(again.map(({ json }) => JSON.parse(json).verdictSeq)).toEqual([3, 4]);
  });

  it("acknowledges no verdict that the hub has not named when neighbours were recorded out of order", async () => {
    const journal = journalIn(temporaryDirectory(), { hubConfigured: true });
    const { bootSeq } = await journal.start();
    for (const seq of [1, 3, 2, 4]) await journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, seq));
    journal.markSentThrough(4);
    journal.markAcknowledged(bootSeq, 2);
    await expect.poll(() => journal.status().unacknowledged).toBe(3);
    journal.markAcknowledged(bootSeq, 3);
    await expect.poll(() => journal.status().unacknowledged).toBe(1);
  });

  it("refuses a journal of a newer program and leaves it as it is", async () => {
    const directory = temporaryDirectory();
    const journal = journalIn(directory);
    await journal.start();
    await journal.stop();
    const database = new DatabaseSync(join(directory, "journal.sqlite"));
    database.exec("PRAGMA user_version = 7");
    database.close();
    await expect(journalIn(directory).start()).rejects.toThrow(
      /written by a newer version of this program \(schema 7, this one knows 1\)/,
    );
  });

  it("keeps a damaged file aside, says so, begins anew and goes on counting boots", async () => {
    const directory = temporaryDirectory();
    const journal = journalIn(directory);
    const { bootSeq } = await journal.start();
    for (let seq = 1; seq <= 40; seq++)
      await journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, seq));
    await journal.stop();
    const path = join(directory, "journal.sqlite");
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096 * 3, 4096 * 12);
    writeFileSync(path, bytes);

    const again = journalIn(directory);
    expect((await again.start()).bootSeq).toBe(bootSeq + 1);
    expect(again.status()).toMatchObject({ state: "recording", verdicts: 0 });
    expect(again.status().sentence).toMatch(/was damaged .* has been kept as .*damaged-/);
    const kept = readdirSync(directory).find((name) => name.includes("damaged-"));
    expect(readFileSync(join(directory, kept ?? ""))).toEqual(bytes);
  });

  it("refuses a second process on the same journal", async () => {
    const directory = temporaryDirectory();
    await journalIn(directory).start();
    await expect(journalIn(directory).start()).rejects.toThrow(/another process has .* open/);
  });

  it("refuses an SQLite that can corrupt", () => {
    expect(() => assertSafeSqlite("3.51.2")).toThrow(/3\.51\.3 or newer/);
    expect(() => assertSafeSqlite("3.40.1")).toThrow();
    expect(() => assertSafeSqlite("3.51.3")).not.toThrow();
    expect(() => assertSafeSqlite("4.0.0")).not.toThrow();
  });

  it("deletes what is old and released, and nothing that anybody still waits for", async () => {
    const directory = temporaryDirectory();
    const journal = journalIn(directory, { retentionDays: 0 });
    const { bootSeq } = await journal.start();
    for (let seq = 1; seq <= 6; seq++)
      await journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, seq));
    journal.markSentThrough(4);
    await journal.stop();
    const again = journalIn(directory, { retentionDays: 0 });
    const opening = await again.start();
    await again.recordVerdict(sampleTrigger().triggerId, sampleVerdict(opening.bootSeq, 1));
    const left = (await again.latestVerdicts(10)).map((verdict) => verdict.verdictSeq);
    expect(left).toEqual([1, 6, 5]);
    expect(again.status()).toMatchObject({ triggers: 7, verdicts: 7, backlog: 3 });
  });
});
