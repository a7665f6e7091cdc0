import { expect, test } from "vitest";
import { FAULT_REASONS } from "../../../src/contracts/verdict.ts";
// The page is plain JavaScript without a build; its decisions are pure and tested as they are served.
import {
  ageText,
  bytesText,
  faceOf,
  groupFaults,
  HOLD_MS,
  IDLE_AFTER_MS,
  lampsOf,
  mayReplace,
  percentText,
  sharesOf,
  unseenFaults,
} from "../../../src/edge/status/page/model.js";
import { texts } from "../../../src/edge/status/page/texts.js";
import { FakeDevice } from "../../fakes/fake-device.ts";

const device = new FakeDevice();
const status = device.status();
const pass = device.inspect({ kind: "pass" });
const reject = device.inspect({ kind: "reject" });
const fault = device.inspect({ kind: "fault", reason: "dark" });
const fresh = { link: "up", status, shown: pass, ageMs: 100 };

test("every fault reason has the contract's sentence and something to do", () => {
  const sentences = Object.fromEntries(
    Object.entries<{ sentence: string }>(texts.faults).map(([reason, text]) => [reason, text.sentence]),
  );
  expect(sentences).toEqual(FAULT_REASONS);
  for (const { todo } of Object.values<{ todo: string }>(texts.faults)) expect(todo).toMatch(/\.$/);
});

test("a verdict shows as itself only while the device is heard, inspects, and the verdict is fresh", () => {
  expect(faceOf(fresh)).toBe("pass");
  expect(faceOf({ ...fresh, link: "lost" })).toBe("lost");
  expect(faceOf({ ...fresh, link: "connecting" })).toBe("connecting");
  expect(faceOf({ ...fresh, ageMs: IDLE_AFTER_MS + 1 })).toBe("waiting");
  expect(faceOf({ ...fresh, shown: null })).toBe("waiting");
  expect(faceOf({ ...fresh, status: { ...status, state: "starting" } })).toBe("starting");
  expect(faceOf({ ...fresh, status: { ...status, state: "offline" } })).toBe("stopped");
  expect(faceOf({ ...fresh, status: { ...status, state: "not-inspecting" } })).toBe("stopped");
  expect(faceOf({ ...fresh, status: { ...status, state: "not-inspecting" }, shown: fault })).toBe("fault");
  expect(faceOf({ ...fresh, status: { ...status, state: "degraded" }, shown: reject })).toBe("reject");
});

test("a part that did not pass is held against good ones, not against others", () => {
  expect(mayReplace(null, 0, pass)).toBe(true);
  expect(mayReplace(pass, 0, reject)).toBe(true);
  expect(mayReplace(reject, HOLD_MS - 1, pass)).toBe(false);
  expect(mayReplace(reject, HOLD_MS, pass)).toBe(true);
  expect(mayReplace(reject, 0, fault)).toBe(true);
});

test("figures never round a bad part away", () => {
  expect(percentText(99.97)).toBe("> 99.9 %");
  expect(percentText(100)).toBe("100 %");
  expect(percentText(0.04)).toBe("< 0.1 %");
  expect(percentText(0)).toBe("0 %");
  expect(percentText(null)).toBe("–");
  expect(sharesOf({ pass: 0, reject: 0, review: 0, fault: 0 })).toBeNull();
  expect(sharesOf({ pass: 3, reject: 1, review: 0, fault: 0 })).toMatchObject({ pass: 75, reject: 25 });
  expect([ageText(0), ageText(89_000), ageText(120_000), ageText(7_200_000)]).toEqual(["0 s", "89 s", "2 min", "2 h"]);
  expect([bytesText(12), bytesText(48_300_000), bytesText(1.2e12)]).toEqual(["12 B", "48.3 MB", "1.2 TB"]);
});

test("faults of the last hour are grouped by reason, newest group first", () => {
  const line = new FakeDevice();
  for (const agoMs of [7_200_000, 50_000, 40_000]) line.inspect({ kind: "fault", reason: "dark", agoMs });
  line.inspect({ kind: "fault", reason: "camera", agoMs: 30_000, part: "last" });
  expect(groupFaults(line.verdicts, Date.now())).toMatchObject([
    { reason: "camera", count: 1, part: "last" },
    { reason: "dark", count: 2 },
  ]);
});

test("faults from before the page was opened are counted, those it has seen only once", () => {
  const minutesAgo = (ago: number, fault: number) => ({
    minute: new Date(Date.now() - ago * 60_000).toISOString(),
    counts: { pass: 5, reject: 0, review: 0, fault },
  });
  const history = [minutesAgo(90, 9), minutesAgo(40, 3), minutesAgo(1, 2)];
  expect(unseenFaults(history, [], Date.now())).toBe(5);
  expect(unseenFaults(history, [{ reason: "dark", count: 2 }], Date.now())).toBe(3);
  expect(unseenFaults([], [{ reason: "dark", count: 2 }], Date.now())).toBe(0);
});

test("a device without a broker does not warn of one", () => {
  const lamps = lampsOf({ ...status, broker: { url: "", connected: false, lastError: null, backlog: 0 } });
  expect(lamps.find(({ key }: { key: string }) => key === "broker")).toMatchObject({
    level: "off",
    word: "None set up",
  });
});

test("the hub's lamp says how much waits, why nothing is sent and what was given up", () => {
  const well = {
    ...{ url: "https://hub:8443", enrolled: true, connected: true, waiting: 12, waitingBytes: 900_000, refused: 0 },
    ...{ sent: 3, lost: 0, leftOut: 0, hold: null, sentence: null },
  };
  const lampOf = (hub: object) => lampsOf({ ...status, hub }).find(({ key }: { key: string }) => key === "hub");
  expect(lampOf(well)).toEqual({ key: "hub", level: "ok", word: "12 waiting", details: ["https://hub:8443"] });
  const sentence = "The hub cannot be used: nothing listens there";
  expect(lampOf({ ...well, connected: false, sentence, lost: 2, hold: "quiet hours" })).toMatchObject({
    level: "warn",
    details: ["Nothing is sent now: quiet hours", sentence, "2 pictures were given up for lack of space"],
  });
});

test("the line's lamp says what is learnt, what has changed, and whether the certificate holds", () => {
  const lampOf = (change: object) =>
    lampsOf({ ...status, ...change }).find(({ key }: { key: string }) => key === "drift");
  const drift = { ...status.drift, state: "learning", framesLearnt: 12 };
  expect(lampOf({ drift })).toMatchObject({ level: "ok", word: "Being learnt", details: ["12 of 400 frames"] });
  const certificate = { maxEscape: 0.01, confidence: 0.95, valid: false, sentence: "The certificate is void." };
  expect(lampOf({ drift: { ...drift, state: "alarm" }, certificate })).toEqual({
    ...{ key: "drift", level: "warn", word: "Changed" },
    details: ["The certificate is void."],
  });
});

test("lamps say in words what is wrong and why", () => {
  const lamps = lampsOf({
    ...status,
    camera: { ...status.camera, state: "recovering", lastError: "no frame for 2,000 ms", restarts: 3 },
    broker: { ...status.broker, connected: false, lastError: "refused", backlog: 7 },
    journal: { recording: false, sentence: "The disk is full.", bytes: 10 },
    inferenceRestarts: 1,
  });
  expect(lamps.map(({ key, level }: { key: string; level: string }) => `${key} ${level}`)).toEqual([
    "camera bad",
    "model ok",
    "broker warn",
    "hub off",
    "journal bad",
    "inference warn",
    "drift ok",
  ]);
  const words = JSON.stringify(lamps);
  for (const part of [
    "no frame for 2,000 ms",
    "3 restarts",
    "7 verdicts wait",
    "refused",
    "The disk is full.",
    "not TensorRT: libnvinfer",
  ]) {
    expect(words).toContain(part);
  }
});

test("the release lamp says what runs, what is tried, and what a person should look at", () => {
  expect(lampsOf(status).map(({ key }: { key: string }) => key)).not.toContain("release");
  const release = {
    active: { name: "tile", version: "1.0.0", sha256: "" },
    candidate: null,
    last: null,
    sentence: "Runs tile 1.0.0 since 2026-11-28 12:00 UTC.",
    refusal: null,
  };
  const lampOf = (change: object) =>
    lampsOf({ ...status, release: { ...release, ...change } }).find(({ key }: { key: string }) => key === "release");
  expect(lampOf({})).toMatchObject({ level: "ok", details: [release.sentence] });
  const counters = { parts: 340, wanted: 500, disagreements: 3 };
  const candidate = { name: "tile", version: "1.1.0", sha256: "", phase: "trial", ...counters, note: "not committed" };
  expect(lampOf({ candidate })).toMatchObject({ level: "ok", word: "Trying a model on the line" });
  const last = { outcome: "rolled-back", name: "tile", version: "1.1.0", code: "crash", sentence: "It crashed." };
  expect(lampOf({ last })).toMatchObject({
    level: "warn",
    details: [release.sentence, "Last: tile 1.1.0 rolled-back. It crashed."],
  });
  const refusal = { code: "METADATA_UNSIGNED", sentence: "A wrong key." };
  expect(lampOf({ refusal })).toMatchObject({ level: "warn" });
});
