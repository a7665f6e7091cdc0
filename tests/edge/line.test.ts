import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ImageStatistics } from "../../src/contracts/image-statistics.ts";
import { Verdict } from "../../src/contracts/verdict.ts";
import { Line, type IncomingTrigger, type LineOptions } from "../../src/edge/line.ts";
import { LineStatistics } from "../../src/edge/line-statistics.ts";
import { triggerOfFrame } from "../../src/edge/triggers/free-running.ts";
import type { Recipe } from "../../src/edge/recipe.ts";
import { frameStatistics } from "../../src/imaging/frame-statistics.ts";
import type { CapturedFrame, Image } from "../../src/pipeline/frame.ts";
import { SqliteJournal } from "../../src/pipeline/journal/sqlite-journal.ts";
import { SanityLimits } from "../../src/pipeline/sanity/sanity-gate.ts";
import { systemClock as clock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/logger.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { FakeEngine, type EngineAct } from "../fakes/fake-engine.ts";

let directoryPath: string;
let journal: SqliteJournal;
let shutdown: AbortController;
const openJournal = (): SqliteJournal =>
  new SqliteJournal(
    { directoryPath, hubConfigured: true, hubBehindBroker: false },
    { clock, logger: silentLogger, random: Math.random },
  );

beforeEach(async () => {
  directoryPath = await mkdtemp(join(tmpdir(), "sightline-line-"));
  journal = openJournal();
  shutdown = new AbortController();
});

afterEach(async () => {
  await journal.stop();
  await rm(directoryPath, { recursive: true, force: true });
});

/** A judged picture of noise: bright, sharp, never the same twice. */
function photograph(seed: number, grey = 120): Image {
  const random = seededRandom(seed);
  const pixels = Uint8Array.from({ length: 48 * 40 }, () => Math.min(255, grey * (0.7 + 0.6 * random())));
  return { pixels, widthPx: 48, heightPx: 40, channels: 1 };
}

const frameOf = (image: Image, seq = 1): CapturedFrame => ({
  kind: "frame",
  image,
  seq,
  capturedAt: clock.wallNow(),
  capturedTick: clock.tick(),
  metadata: {},
});

const recipe: Recipe = {
  name: "tiles",
  bundle: {
    directoryPath: "",
    modelSha256: "ab".repeat(32),
    manifest: {
      name: "tiny",
      version: "1.0.0",
      input: { width: 32, height: 32, channels: 3 },
    } as Recipe["bundle"]["manifest"], // all the line reads
  },
  classes: [
    { name: "good", kind: "good" },
    { name: "spot", kind: "defect" },
  ],
  regions: { mode: "full" },
  rules: { passBelow: 0.2, rejectFrom: 0.7 },
  sanity: SanityLimits.parse({}),
  reference: undefined,
  deadlineMs: 150,
};

interface Scene {
  readonly line: Line;
  readonly decided: Verdict[];
  /** Parts whose verdict came in the order of the parts. */
  readonly inOrder: string[];
  readonly statistics: LineStatistics;
}

async function openLine(
  act: (request: number) => EngineAct,
  change: Partial<LineOptions> = {},
  onDecided: () => void = () => undefined,
): Promise<Scene> {
  const { bootSeq } = await journal.start();
  const decided: Verdict[] = [];
  const inOrder: string[] = [];
  const statistics = new LineStatistics();
  const line = new Line(
    {
      device: "station-1",
      bootSeq,
      queueCapacity: 8,
      inferenceSlots: 2,
      shutdown: shutdown.signal,
      live: true,
      ...change,
    },
    {
      clock,
      log: silentLogger,
      engine: new FakeEngine(act),
      journal,
      recipes: { active: recipe },
      statistics,
      clockSynced: () => true,
      onDecided: (verdict, part) => {
        decided.push(verdict);
        if (part.inOrder) inOrder.push(verdict.part);
        onDecided();
      },
      onUnrecorded: () => undefined,
    },
  );
  return { line, decided, inOrder, statistics };
}

let nextSeed = 1;
const trigger = (change: Partial<IncomingTrigger> = {}): IncomingTrigger => {
  const frame = frameOf(photograph(nextSeed++));
  return {
    source: "mqtt",
    requestId: null,
    part: "p1",
    deadlineMs: undefined,
    receivedTick: clock.tick(),
    capture: async () => frame,
    ...change,
  };
};

test("a good part passes, a bad one is rejected, a doubtful one is for a person", async () => {
  const scores = [0.05, 0.95, 0.5];
  const { line } = await openLine((request) => ({ ngScore: scores[request] ?? 0 }), { inferenceSlots: 1 });
  const verdicts = await Promise.all(scores.map(() => line.accept(trigger()).verdict));
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["pass", "reject", "review"]);
  expect(verdicts[1]).toMatchObject({
    class: "spot",
    part: "p1",
    device: "station-1",
    regions: [{ x: 16, class: "spot" }],
  });
});

test("every verdict fits the published schema and is on disk when it is answered", async () => {
  const { line } = await openLine((request) => (request % 2 === 0 ? { ngScore: 0.9 } : { fail: "INFERENCE_CRASHED" }));
  for (let count = 0; count < 6; count++) {
    const verdict = await line.accept(trigger()).verdict;
    expect(Verdict.parse(verdict)).toEqual(verdict);
    expect(await journal.verdictById(verdict.id)).toEqual(verdict);
  }
});

test("the ledger has beside each verdict how its frame looks, where one was measured on the line", async () => {
  const { line } = await openLine((request) => (request === 1 ? { fail: "INFERENCE_CRASHED" } : { ngScore: 0 }));
  const image = photograph(31);
  const showing = (capture: IncomingTrigger["capture"], change: Partial<IncomingTrigger> = {}) =>
    line.accept(trigger({ capture, ...change })).verdict;
  const verdicts = [
    await showing(async () => frameOf(image, 1)),
    await showing(async () => frameOf(photograph(32, 60), 2)), // a fault with a good frame
    await showing(() => Promise.reject(new Error("no picture"))),
    await showing(async () => frameOf(photograph(33), 3), { source: "upload" }),
  ];
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["pass", "fault", "fault", "pass"]);
  const rows = await journal.unacknowledged(0, 10);
  expect(rows.map(({ json }) => JSON.parse(json))).toEqual(verdicts);
  const [first, second, ...others] = rows.map(({ statistics }) => JSON.parse(statistics ?? "null") as unknown);
  const { meanLuminance, darkShare, brightShare, sharpness } = frameStatistics(image, { thumbnail: false });
  const measured = { brightness: meanLuminance, darkShare, brightShare, sharpness };
  const shortened = Object.entries(measured).map(([name, value]) => [name, Number(value.toPrecision(4))]);
  expect(first).toEqual(Object.fromEntries(shortened));
  expect(ImageStatistics.parse(second).brightness).toBeCloseTo(60, -1);
  expect(others).toEqual([null, null]);
});

test("one trigger, exactly one verdict, whatever the model does", async () => {
  const acts: EngineAct[] = [
    { ngScore: 0.1 },
    { fail: "INFERENCE_CRASHED" },
    { fail: "INFERENCE_HUNG" },
    { hang: true },
    { ngScore: NaN },
  ];
  const { line, decided, statistics } = await openLine((request) => acts[request % acts.length] ?? { hang: true }, {
    queueCapacity: 100,
    inferenceSlots: 50,
  });
  const verdicts = await Promise.all(
    Array.from({ length: 40 }, (_, part) => line.accept(trigger({ part: `part-${part}` })).verdict),
  );
  expect(new Set(verdicts.map(({ part }) => part)).size).toBe(40);
  expect(verdicts.filter(({ verdict }) => verdict === "pass")).toHaveLength(8);
  expect(verdicts.filter((verdict) => verdict.verdict === "fault" && verdict.reason === "deadline")).toHaveLength(8);
  expect(decided.map(({ verdictSeq }) => verdictSeq)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  expect(journal.status()).toMatchObject({ triggers: 40, verdicts: 40 });
  expect(statistics).toMatchObject({ triggers: 40, verdicts: 40 });
  expect(line.pending).toBe(0);
});

test("a pass is in order when every part before it is decided and none after it", async () => {
  const { line, inOrder } = await openLine(() => ({ ngScore: 0 }), { inferenceSlots: 4 });
  const heldBack = (part: string): { show: () => void; verdict: Promise<Verdict> } => {
    const frame = frameOf(photograph(nextSeed++), nextSeed);
    const shown = Promise.withResolvers<CapturedFrame>();
    const { verdict } = line.accept(trigger({ part, deadlineMs: 60_000, capture: () => shown.promise }));
    return { show: () => shown.resolve(frame), verdict };
  };
  const [first, second, third, fourth, fifth] = [
    heldBack("1"),
    heldBack("2"),
    heldBack("3"),
    heldBack("4"),
    heldBack("5"),
  ];
  for (const part of [first, third, second, fourth, fifth]) {
    part.show();
    expect((await part.verdict).verdict).toBe("pass");
  }
  expect(inOrder, "3 overtook 2, and 2 came after 3").toEqual(["1", "4", "5"]);
});

test("an uploaded image keeps no part waiting for its turn", async () => {
  const { line, inOrder } = await openLine(() => ({ ngScore: 0 }));
  const upload = line.accept(
    trigger({ source: "upload", part: "upload", capture: () => new Promise(() => undefined) }),
  );
  await line.accept(trigger({ part: "part" })).verdict;
  await upload.verdict;
  expect(inOrder).toEqual(["part"]);
});

test("uploads wait for each other, not for parts, and fill no part's place", async () => {
  const { line } = await openLine((request) => (request < 2 ? { hang: true } : { ngScore: 0 }), {
    queueCapacity: 3,
    inferenceSlots: 2,
  });
  let decoded = 0;
  const frame = frameOf(photograph(nextSeed++));
  const capture = async (): Promise<CapturedFrame> => (decoded++, frame);
  const uploads = Array.from(
    { length: 4 },
    () => line.accept(trigger({ source: "upload", part: undefined, deadlineMs: 400, capture })).verdict,
  );
  expect(await uploads[3]).toMatchObject({ verdict: "fault", reason: "overrun" });
  const hung = line.accept(trigger({ deadlineMs: 100 })).verdict; // takes the second inference slot
  expect(await hung).toMatchObject({ reason: "deadline" });
  expect(decoded, "decoded images in memory").toBe(1);
  expect(line.pending).toBe(3);
  await line.room(new AbortController().signal);
  await Promise.all(uploads);
  expect(line.pending).toBe(0);
});

test("parts are judged while uploads hang", async () => {
  let asked = 0;
  const { line } = await openLine(() => (asked++ === 0 ? { hang: true } : { ngScore: 0 }), {
    queueCapacity: 2,
    inferenceSlots: 2,
  });
  const upload = (): Promise<Verdict> => line.accept(trigger({ source: "upload", deadlineMs: 400 })).verdict;
  const uploads = [upload(), upload()];
  await expect.poll(() => asked, { interval: 5 }).toBe(1);
  const verdicts = await Promise.all([line.accept(trigger()).verdict, line.accept(trigger()).verdict]);
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["pass", "pass"]);
  expect((await Promise.all(uploads)).map(({ verdict }) => verdict)).toEqual(["fault", "fault"]);
});

test("the newest image stays that of a part on the line when another is uploaded", async () => {
  const { line } = await openLine(() => ({ ngScore: 0 }));
  await line.accept(trigger({ part: "on the line" })).verdict;
  expect(await line.accept(trigger({ source: "upload", part: "uploaded" })).verdict).toMatchObject({ verdict: "pass" });
  expect(line.latest?.verdict.part).toBe("on the line");
});

test("an answer that is no number is never a pass", async () => {
  const { line } = await openLine(() => ({ ngScore: NaN }));
  expect((await line.accept(trigger()).verdict).verdict).not.toBe("pass");
});

test("a verdict that cannot be composed is a model fault, and the line goes on", async () => {
  const { line } = await openLine(() => ({ ngScore: 0 }));
  const frame = { ...frameOf(photograph(nextSeed++)), capturedAt: NaN as CapturedFrame["capturedAt"] };
  const verdict = await line.accept(trigger({ capture: async () => frame })).verdict;
  expect(Verdict.parse(verdict)).toMatchObject({ verdict: "fault", reason: "model", seq: null, verdictSeq: 1 });
  expect(await journal.verdictById(verdict.id)).toEqual(verdict);
  expect(line.pending).toBe(0);
  expect((await line.accept(trigger()).verdict).verdict).toBe("pass");
});

test("whoever fails on hearing of a verdict takes it from nobody", async () => {
  const broken = (): void => {
    throw new Error("a screen is broken");
  };
  const { line } = await openLine(() => ({ ngScore: 0 }), { queueCapacity: 1 }, broken);
  for (let part = 0; part < 3; part++) {
    const verdict = await line.accept(trigger()).verdict;
    expect(verdict.verdict).toBe("pass");
    expect(await journal.verdictById(verdict.id)).toEqual(verdict);
  }
});

test("a trigger beyond the queue is answered at once with an overrun fault, not dropped", async () => {
  const { line } = await openLine(() => ({ hang: true }), { queueCapacity: 3, inferenceSlots: 1 });
  const accepted = Array.from({ length: 5 }, () => line.accept(trigger()).verdict);
  const overrun = await Promise.race([accepted[3], accepted[4]]);
  expect(overrun).toMatchObject({ verdict: "fault", reason: "overrun" });
  const reasons = (await Promise.all(accepted)).map((verdict) => (verdict.verdict === "fault" ? verdict.reason : ""));
  expect(reasons.sort()).toEqual(["deadline", "deadline", "deadline", "overrun", "overrun"]);
});

test("a frame that is refused says which one it was", async () => {
  const { line } = await openLine(() => ({ hang: true }), { queueCapacity: 1 });
  const accepted = [7, 8].map(
    (seq) => line.accept(triggerOfFrame(frameOf(photograph(nextSeed++), seq), clock.tick())).verdict,
  );
  const missed = {
    ...triggerOfFrame(frameOf(photograph(nextSeed++), 9), clock.tick()),
    refused: { reason: "overrun", detail: "missed" },
  } as const;
  const [, overrun, refused] = await Promise.all([...accepted, line.accept(missed).verdict]);
  expect(overrun).toMatchObject({
    verdict: "fault",
    reason: "overrun",
    seq: 8,
    capturedAt: expect.any(String) as string,
  });
  expect(refused).toMatchObject({
    verdict: "fault",
    reason: "overrun",
    seq: 9,
    capturedAt: expect.any(String) as string,
  });
});

test.each([
  ["dark", photograph(5, 3)],
  ["overexposed", { ...photograph(6), pixels: new Uint8Array(48 * 40).fill(255) }],
] as const)("a %s image is a fault with that reason, and the model is not asked", async (reason, image) => {
  let asked = 0;
  const { line } = await openLine(() => (asked++, { ngScore: 0 }));
  const verdict = await line.accept(trigger({ capture: async () => frameOf(image) })).verdict;
  expect(verdict).toMatchObject({ verdict: "fault", reason, class: null, score: null });
  expect(asked).toBe(0);
});

test("a camera that repeats its image is frozen, two triggers that share a frame are not", async () => {
  const { line } = await openLine(() => ({ ngScore: 0 }));
  const image = photograph(77);
  const showing = (seq: number): IncomingTrigger => trigger({ capture: async () => frameOf(image, seq) });
  expect((await line.accept(showing(1)).verdict).verdict).toBe("pass");
  expect((await line.accept(showing(1)).verdict).verdict).toBe("pass");
  expect(await line.accept(showing(2)).verdict).toMatchObject({ verdict: "fault", reason: "frozen" });
  expect(await line.accept(showing(2)).verdict, "the second trigger of a frozen frame").toMatchObject({
    reason: "frozen",
  });
});

test("without an active recipe every part is a fault", async () => {
  const { bootSeq } = await journal.start();
  const line = new Line(
    { device: "station-1", bootSeq, queueCapacity: 8, inferenceSlots: 2, shutdown: shutdown.signal, live: true },
    {
      clock,
      log: silentLogger,
      engine: new FakeEngine(() => ({ ngScore: 0 })),
      journal,
      recipes: { active: undefined },
      statistics: new LineStatistics(),
      clockSynced: () => true,
      onDecided: () => undefined,
      onUnrecorded: () => undefined,
    },
  );
  expect(await line.accept(trigger()).verdict).toMatchObject({ verdict: "fault", reason: "model" });
});

test("parts in flight when the device gives up waiting are shutdown faults", async () => {
  const { line } = await openLine(() => ({ hang: true }));
  const open = line.accept(trigger({ deadlineMs: 60_000 })).verdict;
  setImmediate(() => shutdown.abort());
  expect(await open).toMatchObject({ verdict: "fault", reason: "shutdown" });
});

test("after a crash, a trigger found without verdict becomes a fault: interrupted, and the ledger is square again", async () => {
  const first = await openLine(() => ({ hang: true }));
  const accepted = first.line.accept(trigger({ part: "lost-part", deadlineMs: 60_000 }));
  await accepted.recorded;
  await journal.stop(); // as if power were cut: no verdict for it

  journal = openJournal();
  const { bootSeq, interrupted } = await journal.start();
  expect(interrupted.map(({ part }) => part)).toEqual(["lost-part"]);
  const decided: Verdict[] = [];
  const line = new Line(
    { device: "station-1", bootSeq, queueCapacity: 8, inferenceSlots: 2, shutdown: shutdown.signal, live: true },
    {
      clock,
      log: silentLogger,
      engine: new FakeEngine(() => ({ ngScore: 0 })),
      journal,
      recipes: { active: recipe },
      statistics: new LineStatistics(),
      clockSynced: () => true,
      onDecided: (verdict) => decided.push(verdict),
      onUnrecorded: () => undefined,
    },
  );
  await line.answerInterrupted(interrupted);
  expect(decided).toMatchObject([
    { verdict: "fault", reason: "interrupted", part: "lost-part", bootSeq: 2, verdictSeq: 1, seq: null },
  ]);
  expect(journal.status()).toMatchObject({ triggers: 1, verdicts: 1 });
});
