import { expect, test } from "vitest";
import { type LoopFacts, LOOP_STATIONS, loopSteps } from "../../../src/hub/loop/loop-steps.ts";

const NOTHING: LoopFacts = {
  devices: 2,
  alarm: null,
  cases: { unlabelled: 0, labelled: 0, newestAt: null },
  turnBeganAt: null,
  newestLabelAt: null,
  dataset: null,
  run: null,
  candidate: null,
  release: null,
  active: { name: "tiles", version: "1.0.0" },
};
const alarm = { device: "station-1", at: 1000, sentence: "The images have become darker.", seen: false };
const run = { state: "running", at: 1300, message: "step 3", progress: 0.5, finishedAt: null };
const dataset = { name: "film", at: 1200, cases: 200 };
const candidate = { version: "1.1.0", at: 1400, closedGates: ["certificate"], judged: true };
const release = { version: "1.1.0", state: "rolling", stage: "shadow", sentence: "Ordered as shadow.", at: 1500 };
const cases = { unlabelled: 0, labelled: 200, newestAt: 1100 };

const now = (facts: Partial<LoopFacts>): string | undefined =>
  loopSteps({ ...NOTHING, ...facts }).find(({ state }) => state === "now")?.station;

test.each([
  ["a line that nothing is wrong with is watched", {}, "watch"],
  ["after an alarm, parts are asked for", { alarm }, "ask"],
  ["what came waits for a label", { alarm, cases: { unlabelled: 3, labelled: 5, newestAt: 1100 } }, "label"],
  ["with labels, the errors are looked at", { alarm, cases }, "errors"],
  ["a data set of them is for retraining", { alarm, cases, dataset }, "retrain"],
  ["so is a run", { alarm, cases, dataset, run }, "retrain"],
  [
    "a candidate stands before the gates",
    { alarm, cases, dataset, run: { ...run, state: "done" }, candidate },
    "gates",
  ],
  ["a release is on its way", { alarm, cases, dataset, candidate, release }, "release"],
  ["once it is done the line is watched again", { alarm, candidate, release: { ...release, state: "done" } }, "watch"],
  [
    "until the next alarm",
    {
      alarm: { ...alarm, at: 2000 },
      cases: { ...cases, newestAt: 1900 },
      candidate,
      release: { ...release, state: "done" },
    },
    "ask",
  ],
] satisfies [string, Partial<LoopFacts>, string][])("%s", (_, facts, station) => {
  expect(now(facts)).toBe(station);
});

test("after a release is done the turn is over, and everything of it done", () => {
  const steps = loopSteps({ ...NOTHING, alarm, cases, dataset, candidate, release: { ...release, state: "done" } });
  expect(steps.map(({ state }) => state)).toEqual(["now", "done", "done", "done", "done", "done", "done"]);
});

test("every station says where it stands, the ones before the present one done, the others to come", () => {
  const steps = loopSteps({ ...NOTHING, alarm, cases, dataset, candidate, run: { ...run, state: "done" } });
  expect(steps.map(({ station }) => station)).toEqual(LOOP_STATIONS);
  expect(steps.map(({ state }) => state)).toEqual(["done", "done", "done", "done", "done", "now", "waiting"]);
  expect(steps.map(({ sentence }) => sentence)).toEqual([
    "station-1: The images have become darker.",
    "200 cases came from the line.",
    "200 have a label, 0 wait for one.",
    "How often the model was wrong, before and after, is below.",
    "step 3 (50 %)",
    "1.1.0: closed: certificate.",
    "Nothing was released by this hub yet. The fleet's model is tiles 1.0.0.",
  ]);
});
