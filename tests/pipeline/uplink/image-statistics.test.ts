import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import type { ImageStatistics } from "../../../src/contracts/image-statistics.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { LedgerFile } from "../../../src/pipeline/journal/ledger-file.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { journalIn, temporaryDirectory } from "../journal/open-journal.ts";
import { sampleTrigger, sampleVerdict } from "../journal/sample-rows.ts";
import { decide, uplinkTo, type OpenUplink } from "./open-uplink.ts";

const SOON = { timeout: 15_000, interval: 20 };
const WITH_HUB = { hubConfigured: true, hubBehindBroker: false, brokerConfigured: false };

const looks = (seq: number): ImageStatistics => ({
  ...{ brightness: 118.4 + seq, darkShare: 0.002315, brightShare: 0.00046, sharpness: 12.34 },
});

function decideOne(open: OpenUplink, seq: number, statistics: ImageStatistics | null): Verdict {
  const verdict = sampleVerdict(open.bootSeq, seq);
  decide(open, verdict, { statistics });
  return verdict;
}

const allSent = (open: OpenUplink) =>
  expect.poll(() => open.journal.status(), SOON).toMatchObject({ unacknowledged: 0, recording: true });

it("a verdict's row has its frame's statistics, also when the hub comes only after a restart", async () => {
  const hub = await FakeHub.start();
  await hub.stop();
  const directory = temporaryDirectory();
  const before = await uplinkTo(hub, directory, { sendsVerdicts: true });
  const verdicts = [looks(1), null, looks(3)].map((each, at) => decideOne(before, at + 1, each));
  await expect.poll(() => before.journal.status().verdicts, SOON).toBe(3);
  await before.uplink.stop();
  await before.journal.stop();

  await hub.listen();
  const after = await uplinkTo(hub, directory, { sendsVerdicts: true });
  await allSent(after);
  expect(verdicts.map(({ id }) => hub.statistics.get(id))).toEqual([looks(1), null, looks(3)]);
  expect([...hub.verdicts.values()], "the verdicts are what they were").toEqual(verdicts);
});

it("rows that an earlier version wrote are sent as before, new ones of the same journal with statistics", async () => {
  const hub = await FakeHub.start();
  const directory = temporaryDirectory();
  const old = await journalOfEarlierVersion(directory);
  const open = await uplinkTo(hub, directory, { sendsVerdicts: true });
  await allSent(open);
  expect([...hub.verdicts.values()]).toEqual([old]);
  expect([...hub.statistics], "the batch did not speak of statistics").toEqual([]);
  const { id } = decideOne(open, 2, looks(2));
  await expect.poll(() => hub.statistics.get(id), SOON).toEqual(looks(2));
});

it("a hub that does not know them gets every verdict without", async () => {
  const hub = await FakeHub.start();
  hub.knowsStatistics = false;
  const open = await uplinkTo(hub, temporaryDirectory(), { sendsVerdicts: true });
  const verdicts = [1, 2, 3].map((seq) => decideOne(open, seq, looks(seq)));
  await expect.poll(() => hub.verdicts.size, SOON).toBe(3);
  await allSent(open);
  const { id } = decideOne(open, 4, looks(4));
  await expect.poll(() => [...hub.verdicts.values()].map((verdict) => verdict.id), SOON).toContain(id);
  expect(verdicts.every((verdict) => [...hub.verdicts.values()].some((kept) => kept.id === verdict.id))).toBe(true);
  expect(
    hub.requests.filter(({ status }) => status === 400),
    "asked once",
  ).toHaveLength(1);
});

it("a journal that could not get the column, for want of room, takes verdicts and reads them", async () => {
  const directory = temporaryDirectory();
  const old = await journalOfEarlierVersion(directory);
  const database = new DatabaseSync(join(directory, "journal.sqlite"));
  const file = new LedgerFile(database);
  const verdict = sampleVerdict(2, 1);
  const { id, bootSeq, verdictSeq, part, decidedAt } = verdict;
  const keys = { triggerId: sampleTrigger().triggerId, id, bootSeq, verdictSeq, part, decidedAt };
  const row = { ...keys, verdict: verdict.verdict, json: JSON.stringify(verdict), statistics: "{}" };
  expect(file.write([{ kind: "verdict", row }], 1)).toEqual(["written"]);
  expect(file.unacknowledged(0, 10)).toEqual([
    { row: 1, json: JSON.stringify(old), statistics: null },
    { row: 2, json: row.json, statistics: null },
  ]);
  database.close();
});

it("where the hub gets no rows of the ledger, they take no room in it", async () => {
  const journal = journalIn(temporaryDirectory(), { ...WITH_HUB, hubBehindBroker: true, brokerConfigured: true });
  const { bootSeq } = await journal.start();
  await journal.recordVerdict(sampleTrigger().triggerId, sampleVerdict(bootSeq, 1), looks(1));
  expect((await journal.unacknowledged(0, 1))[0]?.statistics).toBeNull();
});

/** With one verdict, and without the column. */
async function journalOfEarlierVersion(directory: string): Promise<Verdict> {
  const journal = journalIn(directory, WITH_HUB);
  const { bootSeq } = await journal.start();
  const verdict = sampleVerdict(bootSeq, 1);
  await journal.recordVerdict(sampleTrigger().triggerId, verdict, looks(1));
  await journal.stop();
  const database = new DatabaseSync(join(directory, "journal.sqlite"));
  database.exec("ALTER TABLE verdicts DROP COLUMN statistics");
  database.close();
  return verdict;
}
