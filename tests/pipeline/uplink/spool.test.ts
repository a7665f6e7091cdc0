import { hash } from "node:crypto";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { HardCaseUpload } from "../../../src/contracts/hub-case.ts";
import { Spool } from "../../../src/pipeline/uplink/spool.ts";
import type { Added, SpoolOptions } from "../../../src/pipeline/uplink/spool-messages.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { temporaryDirectory } from "../journal/open-journal.ts";
import { uncertain } from "./open-uplink.ts";

/** Beside the database, whose log alone may take 2 MB, room for three images of this size. */
const IMAGE_BYTES = 300_000;
const QUOTA = 3_100_000;

function spoolIn(directoryPath: string, change: Partial<SpoolOptions> = {}): Spool {
  const spool = new Spool({ directoryPath, maxBytes: 100e6, leaveFreeBytes: 0, ...change }, systemClock);
  onTestFinished(() => spool.close());
  return spool;
}

let nextImage = 1;
interface Sample {
  readonly upload: HardCaseUpload;
  readonly bytes: Buffer;
}
function sample(bytes = Buffer.alloc(IMAGE_BYTES, nextImage++)): Sample {
  const verdict = uncertain(1, nextImage);
  const upload: HardCaseUpload = {
    ...{ schema: 1, verdict, reasons: ["uncertain"], selectionProbability: 1, embedding: null },
    image: { sha256: hash("sha256", bytes), mediaType: "image/png", bytes: bytes.length, crop: null, masked: 0 },
    ...{ line: "4", product: "tile", metadata: {} },
  };
  return { upload, bytes };
}
const add = (spool: Spool, { upload, bytes }: Sample, priority = 1): Promise<Added> =>
  spool.ask({ kind: "add", upload, priority, orders: ["o-1"], atMs: 1 }, bytes);
const next = (spool: Spool, mostBytes = 1e9) => spool.ask({ kind: "next", atMs: 2, mostBytes });
const images = (directory: string): string[] => readdirSync(join(directory, "images")).sort();

test("gives cases back by priority, then by age, and after a restart", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory);
  const [early, late, urgent] = [sample(), sample(), sample()];
  for (const [each, priority] of [
    [early, 1],
    [late, 1],
    [urgent, 5],
  ] as const)
    await add(spool, each, priority);
  expect((await next(spool))?.upload).toEqual(urgent.upload);
  await spool.close();

  const again = spoolIn(directory);
  expect(await again.open()).toEqual({ lost: [], orphans: 0, setAside: null });
  expect(again.figures).toMatchObject({ cases: 3, drawn: { "o-1": 3 } });
  const order: string[] = [];
  for (let found = await next(again); found !== null; found = await next(again)) {
    const { id } = found.upload.verdict;
    order.push(id);
    const image = await again.ask({ kind: "image", id, atMs: 3 });
    expect(hash("sha256", image ?? "")).toBe(found.upload.image.sha256);
    await again.ask({ kind: "sent", id, revision: found.revision, day: "2026-01-01", bytes: IMAGE_BYTES });
  }
  expect(order).toEqual([urgent, early, late].map(({ upload }) => upload.verdict.id));
  expect(images(directory)).toEqual([]);
  expect(again.figures).toMatchObject({ cases: 0, bytes: 0, sentCases: 3, dayCases: 3, dayBytes: 3 * IMAGE_BYTES });
});

test("at its quota gives up the oldest of the lowest priority, says which, and never what ranks higher", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory, { maxBytes: QUOTA });
  const [important, old, young, newest] = [sample(), sample(), sample(), sample()];
  await add(spool, important, 3);
  await add(spool, old, 1);
  await add(spool, young, 1);
  const { outcome, lost } = await add(spool, newest, 2);
  expect(outcome).toBe("added");
  expect(lost).toMatchObject([
    { id: old.upload.verdict.id, cause: "quota", bytes: IMAGE_BYTES, reasons: ["uncertain"] },
  ]);
  const worthless = sample();
  const refused = await add(spool, worthless, 0);
  expect(refused).toMatchObject({ outcome: "lost", lost: [{ id: worthless.upload.verdict.id }] });
  expect(images(directory)).toHaveLength(3);
  const { lost: untold, throughRow } = await spool.ask({ kind: "untold", limit: 10 });
  expect(untold.map(({ id }) => id)).toEqual([old, worthless].map(({ upload }) => upload.verdict.id));
  await spool.ask({ kind: "told", throughRow });
  expect(spool.figures).toMatchObject({ cases: 3, lostCases: 2, untold: 0 });
});

test("does not give up what is being sent", async () => {
  const spool = spoolIn(temporaryDirectory(), { maxBytes: QUOTA });
  const samples = [sample(), sample(), sample(), sample()];
  for (const each of samples.slice(0, 3)) await add(spool, each);
  const sending = await next(spool);
  const { lost } = await add(spool, samples[3] ?? sample());
  expect(sending?.upload.verdict.id).toBe(samples[0]?.upload.verdict.id);
  expect(lost.map(({ id }) => id)).toEqual([samples[1]?.upload.verdict.id]);
});

test("leaves the disk to verdicts when others fill it", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory);
  await add(spool, sample());
  await spool.close();
  const crowded = spoolIn(directory, { leaveFreeBytes: 1e15 });
  expect(await add(crowded, sample())).toMatchObject({
    outcome: "lost",
    lost: [{ cause: "quota" }, { cause: "quota" }],
  });
  expect(images(directory)).toEqual([]);
});

test("a case that comes again while it waits is one case with both reasons", async () => {
  const spool = spoolIn(temporaryDirectory());
  const one = sample();
  await add(spool, one, 1);
  const sending = await next(spool);
  const flagged = { ...one.upload, reasons: ["operator" as const], metadata: { flaggedBy: "Ann" } };
  expect(await add(spool, { ...one, upload: flagged }, 6)).toMatchObject({ outcome: "merged" });
  const id = one.upload.verdict.id;
  await spool.ask({ kind: "sent", id, revision: sending?.revision ?? 0, day: "2026-01-01", bytes: 1 });
  const again = await next(spool);
  expect(again?.upload, "what was sent knew nothing of Ann").toMatchObject({
    reasons: ["uncertain", "operator"],
    metadata: { flaggedBy: "Ann" },
  });
  expect(await spool.ask({ kind: "image", id, atMs: 3 })).not.toBeNull();
});

test("a reason that comes after a case was sent is given back once, after a restart too, without its image", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory);
  const one = sample();
  await add(spool, one);
  const { id } = one.upload.verdict;
  const sent = (from: Spool, revision: number) => from.ask({ kind: "sent", id, revision, day: "2026-01-01", bytes: 1 });
  await sent(spool, 1);
  const addition = { reasons: ["operator" as const], metadata: { flaggedBy: "Ann" }, priority: 6 };
  const merge = (from: Spool) => from.ask({ kind: "merge", id, addition });
  expect([await merge(spool), await merge(spool)]).toEqual(["sent", "sent"]);
  await spool.close();

  const again = spoolIn(directory);
  await add(again, sample(), 9);
  const due = await next(again, 0);
  const reasons = ["uncertain", "operator"];
  expect(due).toMatchObject({ isAtHub: true, revision: 2, upload: { reasons, metadata: { flaggedBy: "Ann" } } });
  await again.ask({ kind: "refused", id, notBeforeMs: 3 });
  expect((await next(again))?.isAtHub, "later").toBe(false);
  expect((await again.ask({ kind: "next", atMs: 3, mostBytes: 0 }))?.refusals).toBe(1);
  const flagged = { ...one.upload, reasons: ["novel" as const] };
  expect(await add(again, { ...one, upload: flagged })).toEqual({ outcome: "merged", lost: [] });
  await sent(again, 2);
  expect((await next(again))?.upload.reasons, "what was sent knew nothing of that").toEqual([...reasons, "novel"]);
  await sent(again, 3);
  expect((await next(again))?.isAtHub).toBe(false);
  expect(await merge(again)).toBe("sent");
  expect((await next(again))?.isAtHub, "nothing new was said").toBe(false);
  expect(again.figures).toMatchObject({ cases: 1, sentCases: 1, dayCases: 1 });
  expect(images(directory)).toHaveLength(1);
});

test("remembers as many sent cases as a hundredth of the quota holds, and what is still to be told", async () => {
  const spool = spoolIn(temporaryDirectory(), { maxBytes: 4_096_000 });
  const samples = Array.from({ length: 13 }, () => sample(Buffer.alloc(100, nextImage++)));
  const addition = { reasons: ["operator" as const], metadata: {}, priority: 6 };
  const places: string[] = [];
  for (const [at, each] of samples.entries()) {
    await add(spool, each);
    const { id } = each.upload.verdict;
    await spool.ask({ kind: "sent", id, revision: 1, day: "2026-01-01", bytes: 1 });
    if (at === 0) await spool.ask({ kind: "merge", id, addition });
  }
  for (const { upload } of samples) places.push(await spool.ask({ kind: "merge", id: upload.verdict.id, addition }));
  expect(places).toEqual(["sent", "absent", "absent", ...Array.from({ length: 10 }, () => "sent")]);
});

test("two cases of one frame share its image until both are sent", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory);
  const first = sample();
  const second = sample(first.bytes);
  await add(spool, first);
  await add(spool, second);
  expect(images(directory)).toHaveLength(1);
  expect(spool.figures).toMatchObject({ cases: 2, bytes: IMAGE_BYTES });
  for (const { upload } of [first, second]) {
    expect(images(directory)).toHaveLength(1);
    await spool.ask({ kind: "sent", id: upload.verdict.id, revision: 1, day: "2026-01-01", bytes: 1 });
  }
  expect(images(directory)).toEqual([]);
});

test("at a start images without a row go, and rows without their image are lost and said", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory);
  const [kept, gone, short] = [sample(), sample(), sample()];
  for (const each of [kept, gone, short]) await add(spool, each);
  await spool.close();
  rmSync(join(directory, "images", gone.upload.image.sha256));
  writeFileSync(join(directory, "images", short.upload.image.sha256), "half");
  writeFileSync(join(directory, "images", "ab".repeat(32)), "of a crash before its row");
  writeFileSync(join(directory, "images", `${"cd".repeat(32)}.part`), "of a crash while it was written");

  const again = spoolIn(directory);
  const { lost, orphans } = await again.open();
  expect(lost.map(({ id, cause }) => [id, cause])).toEqual(
    [gone, short].map(({ upload }) => [upload.verdict.id, "damaged"]).sort((a, b) => order(lost, a) - order(lost, b)),
  );
  expect(orphans).toBe(2); // the cut one is no image of its case any more
  expect(images(directory)).toEqual([kept.upload.image.sha256]);
  expect(again.figures).toMatchObject({ cases: 1, bytes: IMAGE_BYTES, lostCases: 2 });
});

const order = (lost: readonly { readonly id: string }[], [id]: (string | undefined)[]): number =>
  lost.findIndex((each) => each.id === id);

test("an image that the disk has changed is not sent", async () => {
  const directory = temporaryDirectory();
  const spool = spoolIn(directory);
  const one = sample();
  await add(spool, one);
  const bytes = Buffer.from(one.bytes);
  bytes[1000] = 7;
  writeFileSync(join(directory, "images", one.upload.image.sha256), bytes);
  expect(await spool.ask({ kind: "image", id: one.upload.verdict.id, atMs: 3 })).toBeNull();
  expect(spool.figures).toMatchObject({ cases: 0, lostCases: 1 });
});

test("a damaged queue is put aside whole and a new one begun", async () => {
  const directory = join(temporaryDirectory(), "uplink");
  const spool = spoolIn(directory);
  const one = sample();
  await add(spool, one);
  await spool.close();
  writeFileSync(join(directory, "spool.sqlite"), Buffer.alloc(20_000, 3));
  const again = spoolIn(directory);
  expect((await again.open()).setAside).toContain("uplink.damaged");
  expect(existsSync(join(`${directory}.damaged`, "images", one.upload.image.sha256))).toBe(true);
  expect(await add(again, sample())).toMatchObject({ outcome: "added" });
});

test("an image that does not fit into the day waits behind a smaller one", async () => {
  const spool = spoolIn(temporaryDirectory());
  const [large, small] = [sample(), sample(Buffer.alloc(1000, 9))];
  await add(spool, large, 5);
  await add(spool, small, 1);
  expect((await next(spool, 2000))?.upload.verdict.id).toBe(small.upload.verdict.id);
  expect(await next(spool, 10)).toBeNull();
});
