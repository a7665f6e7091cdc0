import { z } from "zod";
import type { ReleaseReport } from "../../contracts/release-report.ts";
import type { ReleaseStage } from "../../release/documents.ts";
import { wilson } from "../../statistics/shares.ts";

/** What must hold before the next stage is ordered. */
export const RolloutCriteria = z.strictObject({
  shadowParts: z
    .int()
    .min(0)
    .default(200)
    .describe("parts judged beside the active model, by all shadow devices together"),
  maxDisagreement: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe("share of shadow parts with another verdict than the active model's"),
  shadowMinutes: z.number().min(0).default(10),
  canaryMinutes: z.number().min(0).default(60).describe("how long every canary must have run it"),
});
export type RolloutCriteria = z.infer<typeof RolloutCriteria>;

/** A device that was reached by the order of the stage. */
export interface RolloutDevice {
  readonly id: string;
  /** Its newest report; null: none yet. */
  readonly report: ReleaseReport | null;
  /** Sentence of the newest drift alarm since the stage began that nobody looked after; null: none. */
  readonly alarm: string | null;
}

export interface RolloutFacts {
  readonly stage: ReleaseStage;
  /** Since it was ordered. */
  readonly minutes: number;
  /** Unix ms when it was ordered. */
  readonly since: number;
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly devices: readonly RolloutDevice[];
  readonly criteria: RolloutCriteria;
}

export interface RolloutStep {
  readonly action: "wait" | "promote" | "hold" | "finish";
  readonly sentence: string;
}

/** What to do next with a release that is under way. Pure: the same reports give the same step. */
export function rolloutStep(facts: RolloutFacts): RolloutStep {
  const { devices, stage } = facts;
  if (devices.length === 0) return { action: "wait", sentence: "No enrolled device is reached by this order." };
  const failed = devices.flatMap((device) => failureOf(facts, device) ?? []);
  if (failed[0] !== undefined) return { action: "hold", sentence: failed.slice(0, 3).join(" ") };
  if (stage === "shadow") return shadowStep(facts);
  const running = devices.filter((device) => isCommitted(facts, device));
  const missing = devices.filter((device) => !running.includes(device)).map(({ id }) => id);
  const count = `${running.length} of ${devices.length} devices run it`;
  if (missing.length > 0) return { action: "wait", sentence: `${count}; ${listed(missing)} not yet.` };
  if (stage === "fleet") return { action: "finish", sentence: `${count}.` };
  const left = facts.criteria.canaryMinutes - facts.minutes;
  return left > 0
    ? { action: "wait", sentence: `${count}; ${Math.ceil(left)} min of watching are left.` }
    : { action: "promote", sentence: `${count} since ${Math.floor(facts.minutes)} min, without a fault.` };
}

/** Why a device speaks against the release; null: it does not. */
function failureOf({ model, since, stage }: RolloutFacts, { id, report, alarm }: RolloutDevice): string | null {
  const last = report?.last ?? null;
  const isOurs =
    last !== null && last.name === model.name && last.version === model.version && Date.parse(last.at) >= since;
  if (last !== null && isOurs && last.outcome !== "committed") {
    return `${id} ${last.outcome === "refused" ? "refused it" : "rolled back"}: ${last.sentence}`;
  }
  return stage === "canary" && alarm !== null ? `${id} raised an alarm: ${alarm}` : null;
}

const isCommitted = ({ model }: RolloutFacts, { report }: RolloutDevice): boolean =>
  report !== null && report.active.sha256 === model.sha256 && report.active.version === model.version;

function shadowStep({ devices, model, criteria, minutes }: RolloutFacts): RolloutStep {
  let [parts, disagreements] = [0, 0];
  for (const { report } of devices) {
    const candidate = report?.candidate ?? null;
    if (candidate === null || candidate.phase !== "shadow" || candidate.sha256 !== model.sha256) continue;
    parts += candidate.parts;
    disagreements += candidate.disagreements;
  }
  const share = parts === 0 ? 0 : disagreements / parts;
  const figures = `${disagreements} of ${parts} parts judged otherwise than by the active model (${(share * 100).toFixed(1)} %)`;
  if (wilson(disagreements, parts).low > criteria.maxDisagreement) {
    return {
      action: "hold",
      sentence: `${figures}: more than the ${criteria.maxDisagreement * 100} % that are allowed.`,
    };
  }
  if (parts < criteria.shadowParts)
    return { action: "wait", sentence: `${figures}; ${criteria.shadowParts} parts are asked for.` };
  if (share > criteria.maxDisagreement) {
    return { action: "wait", sentence: `${figures}; too many so far, and too few parts to be sure.` };
  }
  const left = criteria.shadowMinutes - minutes;
  return left > 0
    ? { action: "wait", sentence: `${figures}; ${Math.ceil(left)} min of watching are left.` }
    : { action: "promote", sentence: `${figures}.` };
}

const MOST_NAMED = 5;
const listed = (names: readonly string[]): string =>
  names.length <= MOST_NAMED
    ? names.join(", ")
    : `${names.slice(0, MOST_NAMED).join(", ")} and ${names.length - MOST_NAMED} more`;
