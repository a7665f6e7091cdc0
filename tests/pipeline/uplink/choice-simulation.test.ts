import { describe, expect, test } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { CaseChooser } from "../../../src/pipeline/uplink/case-chooser.ts";
import type { Sight } from "../../../src/pipeline/uplink/case-reasons.ts";
import { localClock } from "../../../src/pipeline/uplink/local-time.ts";
import { CaseOptions } from "../../../src/pipeline/uplink/uplink-options.ts";
import type { Clock, WallClockMs } from "../../../src/platform/clock.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { sampleVerdict } from "../journal/sample-rows.ts";

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

interface Chosen {
  readonly chance: number;
  readonly audit: boolean;
  readonly coldStart: boolean;
  readonly truth: boolean;
  readonly atMs: number;
  readonly furtherOut: number;
  readonly found: boolean;
}

interface Shift {
  readonly frames: number;
  readonly defects: number;
  readonly chosen: readonly Chosen[];
}

interface ShiftSettings {
  readonly options?: Partial<CaseOptions>;
  readonly framesPerSecond?: number;
  readonly hours?: number;
  readonly labels?: number | null;
  /** How many different kinds of odd frames there are: small, and many are near-duplicates. */
  readonly oddKinds?: number;
  readonly room?: () => boolean;
}

/**
 * Some hours of a line. One part in 12 is defective; the model is unsure of most defects and of some good parts, so that
 * what is chosen is far worse than what passes: a plain mean over it would be off by a factor.
 */
function shift(seed: number, settings: ShiftSettings = {}): Shift {
  const { framesPerSecond = 2, hours = 2, labels = null, oddKinds = 1e9, room = () => true } = settings;
  const random = seededRandom(seed);
  let now = START_MS;
  const clock = { wallNow: () => now as WallClockMs } as Clock; // all that the choice asks
  const options = CaseOptions.parse({ perHour: 200, auditShare: 0.02, auditSeed: seed, ...settings.options });
  const chooser = new CaseChooser({
    ...{ options, budget: { dailyCases: null }, limits: () => null, clock, localTime: localClock("UTC") },
    room: { hasRoom: room, skip: () => undefined },
  });
  const chosen: Chosen[] = [];
  let defects = 0;
  const frames = framesPerSecond * hours * 3600;
  const plain = sampleVerdict(1, 1);
  for (let frame = 0; frame < frames; frame++) {
    now += 1000 / framesPerSecond;
    const truth = random() < 1 / 12;
    if (truth) defects++;
    const score = truth ? 0.3 + 0.7 * random() : random() ** 6;
    const isOdd = random() < (truth ? 0.2 : 0.01);
    const furtherOut = isOdd ? 0 : 0.01 + 0.99 * random();
    const kind = isOdd ? Math.floor(random() * oddKinds) : frame;
    const sight: Sight = { furtherOut, sketch: Float64Array.of(isOdd ? 1e6 + kind : -kind), disagreement: null };
    const verdict = {
      ...plain,
      ...{ id: `${seed}-${frame}`, verdict: score < 0.2 ? "pass" : score < 0.7 ? "review" : "reject", score },
      ...{ scores: { good: 1 - score, crack: score }, hardCase: score >= 0.2 && score < 0.7 ? ["uncertain"] : [] },
    } as Verdict; // of a judged one
    const choice = chooser.choose(verdict, sight, { orders: [], metadata: () => ({}), labels });
    if (choice === null) continue;
    chosen.push({
      ...{ chance: choice.selectionProbability, truth, atMs: now - START_MS, furtherOut },
      audit: choice.reasons.includes("audit"),
      coldStart: choice.orders.includes("cold-start"),
      found: choice.reasons.some((reason) => reason !== "audit" && reason !== "operator"),
    });
  }
  return { frames, defects, chosen };
}

/** Horvitz & Thompson's estimate of the share of defects, and its standard error for independent lots. */
function estimate({ frames, chosen }: Shift): { rate: number; error: number } {
  const bad = chosen.filter(({ truth }) => truth);
  const rate = bad.reduce((sum, { chance }) => sum + 1 / chance, 0) / frames;
  const variance = bad.reduce((sum, { chance }) => sum + (1 - chance) / chance ** 2, 0) / frames ** 2;
  return { rate, error: Math.sqrt(variance) };
}

describe("estimates from what was chosen", () => {
  const RUNS = 60;
  test.each([
    ["within a budget that is far too small", {}],
    ["with near-duplicates left out", { oddKinds: 20 }],
    ["while the hub has hardly any labels", { labels: 0 }],
    ["where there is not always room", { room: alternating() }],
  ])("are unbiased %s, and their intervals hold", (_name, settings) => {
    const runs = Array.from({ length: RUNS }, (_, seed) => shift(seed + 1, settings));
    const off = runs.map((run) => {
      const { rate, error } = estimate(run);
      return { by: rate - run.defects / run.frames, error };
    });
    const mean = off.reduce((sum, { by }) => sum + by, 0) / RUNS;
    const spread = Math.sqrt(off.reduce((sum, { by }) => sum + (by - mean) ** 2, 0) / (RUNS - 1));
    expect(Math.abs(mean), "three standard errors of the mean of all runs").toBeLessThan(
      (3 * spread) / Math.sqrt(RUNS),
    );
    expect(spread, "of a true rate of 0.083").toBeLessThan(0.03);
    // A few audited defects weigh fifty-fold, so the normal interval holds somewhat less often than 95 times in 100.
    const covered = off.filter(({ by, error }) => Math.abs(by) < 1.96 * error).length / RUNS;
    expect(covered).toBeGreaterThan(0.83);
  });
});

test("mere counting would be off by more than twice", () => {
  const { chosen, defects, frames } = shift(1, { options: { auditShare: 0.005 } });
  const counted = chosen.filter(({ truth }) => truth).length / chosen.length;
  expect(counted).toBeGreaterThan((2 * defects) / frames);
});

function alternating(): () => boolean {
  let asked = 0;
  return () => asked++ % 7 < 4;
}

test("the budget of the hour is kept, spread over the hour, and used when the line brings enough", () => {
  const { chosen } = shift(3, { options: { perHour: 100, auditShare: 0.002 }, hours: 4 });
  for (let hour = 1; hour < 4; hour++) {
    const ofHour = chosen.filter(({ atMs }) => Math.floor(atMs / HOUR_MS) === hour);
    expect(ofHour.length).toBeGreaterThan(70);
    expect(ofHour.length).toBeLessThan(130);
    const early = ofHour.filter(({ atMs }) => atMs % HOUR_MS < HOUR_MS / 2).length;
    expect(early / ofHour.length).toBeGreaterThan(0.3);
    expect(early / ofHour.length).toBeLessThan(0.7);
  }
});

test("the budget of the day holds the hours together", () => {
  const { chosen } = shift(4, {
    options: { perHour: 250, perDay: 200, auditShare: 0 },
    hours: 24,
    framesPerSecond: 0.5,
  });
  expect(chosen.length).toBeGreaterThan(140);
  expect(chosen.length).toBeLessThan(260);
});

test("a quiet line sends everything that is found", () => {
  const { chosen } = shift(5, { framesPerSecond: 0.01, options: { perHour: 250, auditShare: 0 }, hours: 24 });
  expect(chosen.length).toBeGreaterThan(20);
  expect(chosen.every(({ chance }) => chance === 1)).toBe(true);
});

test("the same scene again and again is sent once, but for the audit", () => {
  const { chosen } = shift(6, {
    oddKinds: 3,
    framesPerSecond: 0.5,
    options: { perHour: null, perDay: null, auditShare: 0.01 },
    hours: 1,
  });
  const odd = chosen.filter(({ furtherOut, audit }) => furtherOut === 0 && !audit);
  expect(odd.length).toBe(3);
  const audited = chosen.filter(({ furtherOut, audit }) => furtherOut === 0 && audit);
  expect(audited.every(({ chance }) => chance === 0.01 || chance === 1)).toBe(true);
});

test("with hardly any labels typical frames go first; with many, what is found", () => {
  const few = shift(7, { labels: 3, options: { auditShare: 0 } });
  const typical = few.chosen.filter(({ coldStart }) => coldStart);
  expect(typical.length / few.chosen.length).toBeGreaterThan(0.5);
  const middle = typical.reduce((sum, { furtherOut }) => sum + furtherOut, 0) / typical.length;
  expect(middle).toBeGreaterThan(0.6); // 0.5 is the middle of all frames
  const many = shift(7, { labels: 500, options: { auditShare: 0 } });
  expect(many.chosen.some(({ coldStart }) => coldStart)).toBe(false);
  expect(many.chosen.every(({ found }) => found)).toBe(true);
});

test("the audit share is that of all frames, whatever the budget", () => {
  const { chosen, frames } = shift(8, { options: { auditShare: 0.02, perHour: 10 }, hours: 4 });
  const audited = chosen.filter(({ audit }) => audit).length;
  expect(audited / frames).toBeGreaterThan(0.016);
  expect(audited / frames).toBeLessThan(0.024);
});
