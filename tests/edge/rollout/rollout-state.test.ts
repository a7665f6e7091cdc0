import { expect, test } from "vitest";
import { composeReport, releaseInState, releaseSentence } from "../../../src/edge/rollout/compose-report.ts";
import {
  committed,
  freshState,
  givenUp,
  inPhase,
  NO_EVIDENCE,
  startedFrom,
  startOrder,
} from "../../../src/edge/rollout/rollout-state.ts";
import { meaningOf, withCandidate, withSameBundle } from "../../../src/edge/rollout/take-order.ts";
import type { InstalledRelease } from "../../../src/release/floors.ts";
import { AT, candidateOf, slotOf } from "./sample-state.ts";

const FACTORY = slotOf("1.0.0", { release: null, stage: null });
const fresh = freshState(FACTORY);
const afterOne = committed({ ...fresh, candidate: candidateOf() }, AT, "good");
const afterTwo = committed({ ...afterOne, candidate: candidateOf({ slot: slotOf("1.2.0") }) }, AT, "good");

const orderOf = (version: string, change: Partial<InstalledRelease> = {}): InstalledRelease => ({
  product: "tile",
  name: "tiny",
  version,
  release: 3,
  stage: "fleet",
  order: 7,
  reason: "better",
  manifestSha256: `manifest ${version}`,
  ...change,
});

test("a commit keeps the bundle before as the way back, and the configuration's behind it", () => {
  expect(startOrder(afterTwo).map((path) => path.slice(-5))).toEqual(["1.2.0", "1.1.0", "1.0.0"]);
  expect(afterTwo).toMatchObject({ candidate: null, last: { outcome: "committed", version: "1.2.0" } });
});

test("given up, nothing changes but what is said of it", () => {
  const state = { ...afterOne, candidate: candidateOf({ phase: "trial", slot: slotOf("1.2.0") }) };
  const after = givenUp(state, AT, { code: "crash", sentence: "It crashed." });
  expect(after).toEqual({ ...afterOne, last: { ...after.last } });
  expect(after.last).toMatchObject({ outcome: "rolled-back", version: "1.2.0", code: "crash" });
});

test("a new phase has its attempts, counts anew, and remembers the shadow", () => {
  const evidence = { ...NO_EVIDENCE, parts: 500, rejects: 9 };
  const trial = inPhase(candidateOf({ phase: "shadow", attemptsLeft: 1, evidence }), "trial", AT, 3);
  expect(trial).toMatchObject({ phase: "trial", attemptsLeft: 3, evidence: NO_EVIDENCE, shadow: evidence });
});

test("a committed bundle that cannot be loaded any more gives way to the one before, or the configuration's", () => {
  expect(startedFrom(afterTwo, slotOf("1.2.0").path, AT)).toBe(afterTwo);
  expect(startedFrom(afterTwo, slotOf("1.1.0").path, AT)).toMatchObject({
    current: { version: "1.1.0" },
    previous: null,
    last: { outcome: "rolled-back", code: "load-failed", version: "1.2.0" },
  });
  expect(startedFrom(afterTwo, FACTORY.path, AT)).toMatchObject({ current: FACTORY });
});

test("an order is known, for what runs, for what is tried, or for another bundle", () => {
  const order = orderOf("1.2.0");
  expect(meaningOf(afterOne, order)).toBe("another");
  const ordered = withCandidate(afterOne, order, slotOf("1.2.0"), 3);
  expect(meaningOf(ordered, order)).toBe("known");
  expect(meaningOf(ordered, orderOf("1.2.0", { stage: "canary", order: 8 }))).toBe("candidate");
  expect(meaningOf(ordered, orderOf("1.1.0", { order: 8 }))).toBe("current");
});

test("a bundle that ran here is proven, any other begins with the shadow", () => {
  expect(withCandidate(afterTwo, orderOf("1.1.0"), slotOf("1.1.0"), 3).candidate?.proven).toBe(true);
  expect(withCandidate(afterTwo, orderOf("1.0.0"), FACTORY, 3).candidate?.proven).toBe(true);
  expect(withCandidate(afterTwo, orderOf("1.3.0"), slotOf("1.3.0"), 3).candidate?.proven).toBe(false);
});

test("the same bundle at another stage keeps what was seen of it", () => {
  const evidence = { ...NO_EVIDENCE, parts: 340 };
  const state = { ...afterOne, candidate: candidateOf({ slot: slotOf("1.2.0"), stage: "shadow", evidence }) };
  const next = withSameBundle(state, orderOf("1.2.0", { stage: "canary" }));
  expect(next.candidate).toMatchObject({ stage: "canary", evidence });
  expect(withSameBundle(afterOne, orderOf("1.1.0", { stage: "canary" })).current.stage).toBe("canary");
});

test("the report says what runs and how far the candidate is", () => {
  const evidence = { ...NO_EVIDENCE, parts: 340, compared: 340, disagreements: 3 };
  const candidate = { ...candidateOf({ phase: "shadow", evidence }), note: "waiting", isOnLine: false };
  const view = { state: fresh, candidate, downloading: null, product: "tile", shadowParts: 500, trialParts: 200 };
  const report = composeReport(view, { device: "station-1", at: AT });
  expect(report.candidate).toMatchObject({ phase: "shadow", parts: 340, wanted: 500, disagreements: 3 });
  expect(releaseSentence(report, AT)).toBe(
    "Runs tiny 1.0.0 since 2026-11-28 12:00 UTC; trying in the shadow tiny 1.1.0: 340 of 500 parts, 3 disagreements.",
  );
  expect(releaseInState(view)).toMatchObject({ slot: "shadow", version: "1.1.0" });
  const loading = { ...candidate, phase: "trial" as const };
  expect(releaseInState({ ...view, candidate: loading })).toMatchObject({ slot: "active", version: "1.0.0" });
  expect(releaseInState({ ...view, candidate: { ...loading, isOnLine: true } })).toMatchObject({ slot: "trial" });
});
