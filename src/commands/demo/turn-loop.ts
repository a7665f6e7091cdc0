import type { Clock } from "../../platform/clock.ts";
import type { LineSettings } from "../../simulation/line-settings.ts";
import { BASE, type DemoPerson } from "./demo-hub.ts";
import { DRIFT_FROM_PART, RAMP_PARTS, SHADOW_PARTS } from "./demo-line.ts";
import type { DemoReleases } from "./demo-releases.ts";
import { HubVisitor } from "./hub-visitor.ts";
import { LineWitness } from "./line-witness.ts";
import type { LoopDesk } from "./loop-desk.ts";
import type { LoopEvent } from "./loop-step.ts";
import { tallyText } from "./truth-tally.ts";

/** Labelled cases since the alarm that the retraining waits for. */
const WANTED_LABELS = 420;
/** Parts that are judged before a stretch of the line is spoken of. */
const STRETCH_PARTS = 160;
/** Nobody overrides a model that is worse or loses in int8; a busy machine of the demonstration may be slow. */
const OVERRIDABLE = ["certificate", "latency"];
const OVERRIDE =
  "Demonstration: a certificate takes hundreds of defective parts that nobody learnt from, and this test set is small.";

export interface LoopParts {
  readonly hubUrl: string;
  readonly deviceUrl: string;
  readonly device: string;
  readonly inputPx: number;
  /** May do everything at the hub. */
  readonly person: DemoPerson;
  readonly desk: LoopDesk;
  /** Under whose name the simulator labels. */
  readonly labelledBy: string;
  readonly line: Pick<LineSettings, "seed" | "defectRate" | "classMix">;
  readonly releases: DemoReleases;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: (event: LoopEvent) => void;
}

/**
 * Turns the loop once: the line as it is, drift, alarm, cases, labels, retraining, gates, signature, shadow, canary, fleet,
 * and what became of the errors. Everything goes through the interfaces of a real hub and a real device; only the labels come
 * from the simulator, and the keys of the people who sign lie on this machine.
 */
export async function turnLoop(parts: LoopParts): Promise<void> {
  const { hubUrl, clock, desk, signal, tell } = parts;
  const engineer = await HubVisitor.signIn(hubUrl, parts.person);
  const witness = new LineWitness(parts.deviceUrl, parts.line, clock);
  const over = new AbortController();
  let shipped: string | undefined;
  const watching = witness.watch(
    (part, version) => {
      if (version === "") return null; // a fault that no model had a part in
      shipped ??= version;
      if (version !== shipped) return "after";
      if (part < DRIFT_FROM_PART) return "before";
      return part >= DRIFT_FROM_PART + RAMP_PARTS ? "drifted" : null;
    },
    AbortSignal.any([signal, over.signal]),
  );
  try {
    await Promise.race([watching, steps()]);
  } finally {
    over.abort();
    watching.catch(() => undefined);
  }

  async function steps(): Promise<void> {
    await desk.until(async () => (witness.newestPart >= DRIFT_FROM_PART ? true : null));
    const before = witness.tally("before");
    tell({ step: "inspect", sentence: `As commissioned: ${tallyText(before)}.`, figures: before });
    tell({ step: "drift", sentence: "Dust begins to settle on the window before the lens." });
    const alarm = await desk.until(() => desk.alarm(engineer));
    const figures = { parts: witness.newestPart - DRIFT_FROM_PART };
    tell({ step: "alarm", sentence: alarm.sentence, figures });
    await desk.lookAfter(engineer, alarm);
    const since = Date.parse(alarm.at);
    const labels = await desk.until(async () => {
      const count = await desk.countCases(engineer, { labelled: true, from: since });
      return count >= WANTED_LABELS ? count : null;
    });
    tell({ step: "cases", sentence: `${labels} cases since the alarm, each with a label by ${parts.labelledBy}.` });
    const escapes = await desk.countCases(engineer, { outcomes: ["escape"], from: since });
    const drifted = witness.tally("drifted");
    const table = `${escapes} of these cases are escapes in the error table`;
    tell({ step: "errors", sentence: `Under the dust: ${tallyText(drifted)}; ${table}.`, figures: drifted });
    // The dust stays: what is usual is learnt anew, or the old model would raise alarms while the new one is tried.
    await relearn(parts.deviceUrl);
    const datasetSha256 = await desk.freeze(engineer, since);
    tell({
      step: "retrain",
      sentence: "A new head on the shipped network; the split's test side is kept away from it.",
    });
    const modelId = await desk.retrain(engineer, { datasetSha256, base: BASE, sizePx: parts.inputPx }, () => undefined);
    await desk.judged(engineer);
    tell({ step: "retrain", sentence: await desk.comparison(engineer, modelId) });
    const { gates, open } = await desk.gates(engineer, modelId);
    for (const { name, passed, sentence } of gates) {
      tell({ step: "gates", sentence: `${name} ${passed ? "open" : "CLOSED"}: ${sentence}` });
    }
    const closed = gates.filter(({ passed }) => !passed).map(({ name }) => name);
    const serious = closed.filter((name) => !OVERRIDABLE.includes(name));
    if (serious.length > 0) throw new Error(`the candidate is not released: ${serious.join(", ")} closed`);
    if (!open) tell({ step: "gates", sentence: `Overridden by the administrator: ${OVERRIDE}` });
    const wish = { modelId, canary: parts.device, override: open ? null : OVERRIDE, shadowParts: SHADOW_PARTS };
    const id = await desk.release(engineer, wish);
    const signers = await parts.releases.signAsPeople();
    tell({ step: "sign", sentence: `Signed by ${signers.join(" and ")}, demonstration keys of this machine.` });
    await followRelease(id);
    const after = await desk.until(async () => {
      const tally = witness.tally("after");
      return tally.defectiveParts + tally.goodParts >= STRETCH_PARTS ? tally : null;
    });
    const was = `under the dust before it ${tallyText(witness.tally("drifted"))}`;
    const sentence = `With the new model: ${tallyText(after)}; ${was}.`;
    tell({ step: "result", sentence, figures: { before, drifted: witness.tally("drifted"), after } });
  }

  async function followRelease(id: string): Promise<void> {
    let told = "";
    await desk.until(async () => {
      const { state, stage, sentence } = await desk.releaseNow(engineer, id);
      if (state === "held" || state === "withdrawn") throw new Error(`the release is ${state}: ${sentence}`);
      if (stage !== null && stage !== told && (stage === "shadow" || stage === "canary" || stage === "fleet")) {
        told = stage;
        tell({ step: stage, sentence });
      }
      return state === "done" ? true : null;
    });
  }
}

async function relearn(deviceUrl: string): Promise<void> {
  const response = await fetch(`${deviceUrl}/api/v1/drift/relearn`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ by: "demo", note: "the dust stays; a model for it is on its way" }),
  });
  if (!response.ok) throw new Error(`relearn answered ${response.status}: ${await response.text()}`);
}
