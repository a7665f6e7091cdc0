import { expect, test } from "vitest";
import type { VerdictBatchReply } from "../../../src/contracts/hub-case.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { verdictOf } from "../support/hard-cases.ts";
import { errorOf, HubUnderTest, type Sender } from "../support/running-hub.ts";

const run = (bootSeq: number, from: number, to: number): Verdict[] =>
  Array.from({ length: to - from + 1 }, (_, step) =>
    verdictOf({ device: "station-1", bootSeq, verdictSeq: from + step }),
  );

const send = async (sender: Sender, verdicts: readonly object[]): Promise<VerdictBatchReply> =>
  (await (await sender.postVerdicts(verdicts)).json()) as VerdictBatchReply;

test("verdicts are kept once and acknowledged up to the last one without a gap", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const first = run(1, 1, 600);
  expect(await send(sender, first)).toEqual({
    stored: 600,
    known: 0,
    acknowledged: { bootSeq: 1, verdictSeq: 600 },
    refused: [],
  });
  expect(await send(sender, first.slice(500))).toMatchObject({ stored: 0, known: 100 });
  const rows = await hub.database.query.selectFrom("verdicts").selectAll().orderBy("verdict_seq").execute();
  expect(rows.map(({ json }) => JSON.parse(json))).toEqual(first);
});

test("beyond a gap nothing is acknowledged until the gap is filled", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const all = run(1, 1, 30);
  expect(await send(sender, all.slice(0, 10))).toMatchObject({ acknowledged: { bootSeq: 1, verdictSeq: 10 } });
  expect(await send(sender, all.slice(20))).toMatchObject({ stored: 10, acknowledged: { bootSeq: 1, verdictSeq: 10 } });
  expect(await send(sender, all.slice(10, 20))).toMatchObject({ acknowledged: { bootSeq: 1, verdictSeq: 30 } });
});

test("a boot follows the one before it, also one in which nothing was decided; a boot without its start does not", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  expect(await send(sender, [...run(1, 1, 3), ...run(2, 1, 2), ...run(4, 1, 1)])).toMatchObject({
    acknowledged: { bootSeq: 4, verdictSeq: 1 },
  });
  expect(await send(sender, run(5, 2, 3))).toMatchObject({ acknowledged: { bootSeq: 4, verdictSeq: 1 } });
});

test("a device that is older than its hub begins in the middle of its ledger", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  expect(await send(sender, run(17, 5033, 5040))).toMatchObject({ acknowledged: { bootSeq: 17, verdictSeq: 5040 } });
});

test("verdicts of another device, and a second one with the same number, are refused one by one", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  await send(sender, run(1, 1, 2));
  const foreign = verdictOf({ device: "station-2" });
  const [second] = run(1, 2, 2);
  const reply = await send(sender, [foreign, second ?? foreign, ...run(1, 3, 3)]);
  expect(reply).toMatchObject({ stored: 1, known: 0, acknowledged: { bootSeq: 1, verdictSeq: 3 } });
  expect(reply.refused).toEqual([
    { id: foreign.id, message: "The device in this verdict is not the one that sent it." },
    { id: second?.id, message: "Verdict 2 of boot 1 is another one here; is this device's name used twice?" },
  ]);
});

test("a batch that is none says which verdict is wrong, and how", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const [good] = run(1, 1, 1);
  const error = await errorOf(await sender.postVerdicts([good ?? {}, { ...good, score: 2 }]));
  expect(error).toMatchObject({ status: 400, code: "BAD_REQUEST" });
  expect(error.message).toMatch(/"verdicts.1.score"/);
});

test("cases that a device gave up are known by name, once, and shown to people", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const [verdict] = run(1, 1, 1);
  const lost = [
    { id: verdict?.id, reasons: ["audit", "operator"], cause: "quota", bytes: 50_000, at: 1_700_000_000_000 },
  ];
  for (let time = 0; time < 2; time++) expect((await sender.postVerdicts([verdict ?? {}], lost)).status).toBe(200);
  const viewer = await hub.signIn("viewer");
  expect(await (await viewer.get("/api/v1/devices/station-1/lost-cases")).json()).toEqual({
    count: 1,
    newest: [
      { id: verdict?.id, reasons: ["audit", "operator"], cause: "quota", bytes: 50_000, lostAt: 1_700_000_000_000 },
    ],
  });
});
