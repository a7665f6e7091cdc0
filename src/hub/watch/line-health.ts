import { setImmediate } from "node:timers/promises";
import {
  estimateFromScores,
  reckonScores,
  type Reckoning,
  type ScoredPart,
  type ScoreEstimate,
} from "../../analysis/estimate-from-scores.ts";
import { type FeatureShift, featureShifts, type FeatureWindow } from "../../analysis/feature-shifts.ts";
import { type Share, shareOf } from "../../statistics/shares.ts";
import type { Database } from "../store/database.ts";
import { type AuditedPart, auditedParts } from "./audited-parts.ts";
import { featuresOf, LEAST_MOVES } from "./line-features.ts";
import { type LineWindows, lineWindows, timeOf, WINDOW_PARTS } from "./line-windows.ts";

/** Labelled parts of the random audit: what was counted, and what the same parts' scores expected. */
export interface AuditedTruth {
  readonly parts: number;
  /** Of the oldest of them, Unix ms. */
  readonly from: number;
  readonly escapes: Share;
  readonly overkill: Share;
  readonly reckoned: { readonly escapes: Reckoning; readonly overkill: Reckoning };
  readonly scoresAgree: boolean;
}

export interface LineHealth {
  readonly device: string;
  readonly line: string;
  /** Null: it judged nothing yet. */
  readonly model: LineWindows["model"] | null;
  /** Of the newest parts; null where none was inspected. */
  readonly labelFree: (ScoreEstimate & { readonly from: number; readonly to: number }) | null;
  /** Null: no part of the audit has a label. */
  readonly audited: AuditedTruth | null;
  readonly sentence: string;
  /** Against the first parts the model judged there; empty where there are too few. */
  readonly features: readonly FeatureShift[];
}

/** Fewer of each window say little. */
const LEAST_PARTS = 200;
const LEAST_AUDITED = 20;

/** The state of every line of a project, from what its devices reported and people labelled. */
export async function healthOfLines(database: Database, project: string): Promise<LineHealth[]> {
  const devices = await database.query
    .selectFrom("devices")
    .select(["id", "line"])
    .where("project_id", "=", project)
    .where("revoked_at", "is", null)
    .orderBy("line")
    .orderBy("id")
    .execute();
  const seen: Seen[] = [];
  // One after the other, and others get their turn between them: each reads two thousand verdicts.
  for (const { id: device, line } of devices) {
    await setImmediate();
    const windows = await lineWindows(database, project, device);
    const audit =
      windows === null ? [] : await auditedParts(database, { project, device, modelSha256: windows.model.sha256 });
    seen.push({ device, line, windows, audit, pair: windows === null ? null : windowPair(windows, audit) });
  }
  const pairs = seen.flatMap(({ pair }) => pair ?? []);
  const shifts = new Map(featureShifts(pairs, LEAST_MOVES).map((features, index) => [pairs[index], features]));
  return seen.map((each) => healthOf(each, each.pair === null ? [] : (shifts.get(each.pair) ?? [])));
}

interface Seen {
  readonly device: string;
  readonly line: string;
  readonly windows: LineWindows | null;
  readonly audit: readonly AuditedPart[];
  readonly pair: { readonly before: FeatureWindow; readonly now: FeatureWindow } | null;
}

/** The model's first and newest parts, as many of each, no part in both. */
function windowPair({ usual, newest }: LineWindows, audit: readonly AuditedPart[]): Seen["pair"] {
  const known = [...new Map([...usual, ...newest].map((part) => [part.verdict.id, part])).values()];
  const size = Math.min(WINDOW_PARTS, known.length >> 1);
  if (size < LEAST_PARTS) return null;
  return { before: featuresOf(known.slice(0, size), audit), now: featuresOf(known.slice(-size), audit) };
}

function healthOf({ device, line, windows, audit }: Seen, features: readonly FeatureShift[]): LineHealth {
  const truth = truthOf(audit);
  if (windows === null) {
    const sentence = "It has not reported a verdict of a model.";
    return { device, line, model: null, labelFree: null, audited: null, sentence, features };
  }
  const parts = windows.newest.flatMap(({ verdict }): ScoredPart[] =>
    verdict.verdict === "fault" ? [] : [{ ngScore: verdict.score, verdict: verdict.verdict }],
  );
  const period = { from: timeOf(windows.newest[0]), to: timeOf(windows.newest.at(-1)) };
  const labelFree = parts.length === 0 ? null : { ...estimateFromScores(parts), ...period };
  const sentence = [trustSentence(truth), changeSentence(features)].join(" ");
  return { device, line, model: windows.model, labelFree, audited: truth, sentence, features };
}

/** A part that was seen twice counts as it was seen last. */
function truthOf(audit: readonly AuditedPart[]): AuditedTruth | null {
  const labelled = audit.filter(({ defective }) => defective !== null);
  const parts = [...new Map(labelled.toReversed().map((part) => [part.part, part])).values()];
  if (parts.length === 0) return null;
  const passed = ({ scored }: AuditedPart): boolean => scored.verdict === "pass";
  const rejected = ({ scored }: AuditedPart): boolean => scored.verdict === "reject";
  const defective = parts.filter((part) => part.defective === true);
  const good = parts.filter((part) => part.defective === false);
  const escapes = shareOf(defective.filter(passed).length, defective.length);
  const overkill = shareOf(good.filter(rejected).length, good.length);
  const reckoned = reckonScores(
    parts.map(({ scored, defective: isDefective }) => ({ ...scored, defective: isDefective === true })),
  );
  return {
    ...{ parts: parts.length, from: Math.min(...parts.map(({ capturedAt }) => capturedAt)) },
    ...{ escapes, overkill, reckoned },
    scoresAgree: reckoned.escapes.agrees && reckoned.overkill.agrees,
  };
}

function trustSentence(truth: AuditedTruth | null): string {
  if (truth === null || truth.parts < LEAST_AUDITED) {
    const counted = truth === null ? "No part" : `Only ${truth.parts} parts`;
    return `${counted} of the random audit with a label: whether the scores can be believed is not known.`;
  }
  const { escapes, overkill } = truth.reckoned;
  const reckoning =
    `On ${truth.parts} audited parts the scores expected ${escapes.expected.toFixed(1)} escapes and ` +
    `${overkill.expected.toFixed(1)} overkill; counted were ${escapes.counted} and ${overkill.counted}`;
  return truth.scoresAgree
    ? `${reckoning}.`
    : `${reckoning}: do not believe the estimate; label, and calibrate or retrain.`;
}

const MOST_NAMED = 3;

function changeSentence(features: readonly FeatureShift[]): string {
  const changed = features.filter((feature) => feature.changed).map(({ feature }) => feature);
  if (features.length === 0) return "Too few parts to say what has changed since the model began here.";
  if (changed.length === 0) return "Nothing it reports has changed since the model began here.";
  const more = changed.length > MOST_NAMED ? ` and ${changed.length - MOST_NAMED} more` : "";
  return `Changed since the model began here: ${changed.slice(0, MOST_NAMED).join(", ")}${more}.`;
}
