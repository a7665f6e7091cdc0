import { expect, test } from "vitest";
import { SightlineError } from "../../src/contracts/errors.ts";
import { answer } from "../../src/pipeline/answer.ts";
import type { InspectionOutcome } from "../../src/pipeline/inspect.ts";
import { systemClock, type Clock, type MonotonicMs } from "../../src/platform/clock.ts";
import { FakeClock, settled } from "../fakes/fake-clock.ts";

const decided = {
  kind: "decided",
  decision: { verdict: "pass", class: "good", score: 0.1, scores: {}, regions: [], hardCase: [], heat: undefined },
} as unknown as InspectionOutcome;
const due = (ms: number): MonotonicMs => ms as MonotonicMs;
const never = new AbortController().signal;

test("a part that is judged in time gets its decision and leaves no timer behind", async () => {
  const clock = new FakeClock();
  expect(await answer({ clock, dueTick: due(100), shutdown: never }, async () => decided)).toBe(decided);
  expect(clock.pendingTimers).toBe(0);
});

test("a model that never answers becomes a deadline fault exactly when the answer is due", async () => {
  const clock = new FakeClock();
  let outcome: InspectionOutcome | undefined;
  void answer({ clock, dueTick: due(100), shutdown: never }, () => new Promise(() => undefined)).then(
    (value) => (outcome = value),
  );
  await clock.advance(99);
  expect(outcome).toBeUndefined();
  await clock.advance(1);
  expect(outcome).toMatchObject({ kind: "fault", reason: "deadline" });
});

test("a result that comes after the deadline is dropped", async () => {
  const clock = new FakeClock();
  let finish: (outcome: InspectionOutcome) => void = () => undefined;
  const outcome = answer(
    { clock, dueTick: due(50), shutdown: never },
    () => new Promise((resolve) => (finish = resolve)),
  );
  await clock.advance(50);
  finish(decided);
  expect(await outcome).toMatchObject({ reason: "deadline" });
});

test("a late result is dropped also where a busy thread hands it over before the timer", async () => {
  let tick = 0;
  const clock: Clock = { ...systemClock, tick: () => due(tick), after: () => () => undefined };
  const outcome = answer({ clock, dueTick: due(50), shutdown: never }, async () => {
    tick = 51;
    return decided;
  });
  expect(await outcome).toMatchObject({ kind: "fault", reason: "deadline" });
});

test("a deadline that passed while the part waited is a fault at once", async () => {
  const clock = new FakeClock();
  await clock.advance(500);
  const outcome = answer({ clock, dueTick: due(100), shutdown: never }, () => new Promise(() => undefined));
  await clock.advance(0);
  expect(await outcome).toMatchObject({ reason: "deadline" });
});

test("the stages are told to give up when the deadline passes", async () => {
  const clock = new FakeClock();
  let seen: AbortSignal | undefined;
  void answer({ clock, dueTick: due(10), shutdown: never }, (signal) => {
    seen = signal;
    return new Promise(() => undefined);
  });
  await settled();
  expect(seen?.aborted).toBe(false);
  await clock.advance(10);
  expect(seen?.aborted).toBe(true);
});

test.each([
  ["CAMERA_LOST", "camera"],
  ["CAMERA_STALLED", "camera"],
  ["PROGRAM_MISSING", "camera"],
  ["KERNEL_MISSING", "model"],
  ["INFERENCE_CRASHED", "model"],
  ["INFERENCE_HUNG", "model"],
] as const)("%s becomes a %s fault", async (code, reason) => {
  const clock = new FakeClock();
  const outcome = await answer({ clock, dueTick: due(100), shutdown: never }, async () => {
    throw new SightlineError(code, "scripted");
  });
  expect(outcome).toMatchObject({ kind: "fault", reason });
});

test("a bug in a stage is a model fault, never a crash and never a pass", async () => {
  const clock = new FakeClock();
  const outcome = await answer({ clock, dueTick: due(100), shutdown: never }, () => {
    throw new TypeError("undefined is not a function");
  });
  expect(outcome).toMatchObject({ kind: "fault", reason: "model", detail: "undefined is not a function" });
});

test("parts still undecided at shutdown, and those that come after, are shutdown faults", async () => {
  const clock = new FakeClock();
  const shutdown = new AbortController();
  const open = answer({ clock, dueTick: due(100), shutdown: shutdown.signal }, () => new Promise(() => undefined));
  shutdown.abort();
  expect(await open).toMatchObject({ reason: "shutdown" });
  expect(await answer({ clock, dueTick: due(100), shutdown: shutdown.signal }, async () => decided)).toMatchObject({
    reason: "shutdown",
  });
  expect(clock.pendingTimers).toBe(0);
});
