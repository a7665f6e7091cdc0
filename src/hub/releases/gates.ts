import type { PairedCount } from "../../analysis/paired-comparison.ts";
import type { EscapeCertificate } from "../../contracts/model-bundle.ts";
import type { z } from "zod";

/** What keeps a candidate from a release, each with its sentence. */
export interface Gate {
  readonly name: "accuracy" | "int8" | "latency" | "size" | "certificate";
  readonly passed: boolean;
  readonly sentence: string;
}

export interface GateFacts {
  readonly candidate: string;
  /** How it was judged on the newest test set; null: not yet. */
  readonly judged: {
    /** Parts of the test set it was trained on. */
    readonly sharedParts: number;
    readonly auroc: number | null;
    readonly float32: { readonly auroc: number | null; readonly sameVerdicts: number } | null;
    /** Of one thread, on the hub's machine. */
    readonly p99Ms: number | null;
    readonly modelBytes: number;
  } | null;
  /** Against the active model on the same parts; null: there is none, or it was not judged. */
  readonly against: {
    readonly active: string;
    readonly all: PairedCount;
    readonly escapes: PairedCount;
    readonly p99Ms: number | null;
  } | null;
  /** The project has an active model, judged or not. */
  readonly activeModel: string | null;
  readonly certificate: z.infer<typeof EscapeCertificate> | null;
  /** Why it is void; null: it is not. */
  readonly certificateFault: string | null;
  readonly wanted: { readonly maxEscape: number; readonly confidence: number; readonly taktMs: number };
  readonly limits?: Partial<GateLimits>;
}

export interface GateLimits {
  /** Share of parts by which the candidate may be worse, with the interval's whole width against it. */
  readonly accuracyMargin: number;
  readonly aurocLoss: number;
  /** Least share of frames with the same verdict in int8 and float32. */
  readonly sameVerdicts: number;
  /** Where no takt is stated: how much slower than the active model. */
  readonly slower: number;
  readonly modelBytes: number;
}

export const GATE_LIMITS: GateLimits = {
  accuracyMargin: 0.02,
  aurocLoss: 0.01,
  sameVerdicts: 0.95,
  slower: 1.5,
  modelBytes: 100_000_000,
};

/** All gates of a candidate. A release is blocked where one is closed, unless an administrator says why not. */
export function gatesOf(facts: GateFacts): Gate[] {
  const limits = { ...GATE_LIMITS, ...facts.limits };
  return [
    accuracy(facts, limits),
    int8(facts, limits),
    latency(facts, limits),
    size(facts, limits),
    certificate(facts),
  ];
}

export const isOpen = (gates: readonly Gate[]): boolean => gates.every(({ passed }) => passed);

const gate = (name: Gate["name"], passed: boolean, sentence: string): Gate => ({ name, passed, sentence });
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const points = (share: number): string => `${share > 0 ? "+" : ""}${(share * 100).toFixed(1)} points`;
const NOT_JUDGED = "it was not judged on a test set yet";

function accuracy({ candidate, judged, against, activeModel }: GateFacts, { accuracyMargin }: GateLimits): Gate {
  if (judged === null) return gate("accuracy", false, `${candidate}: ${NOT_JUDGED}.`);
  if (judged.sharedParts > 0) {
    const what = `${candidate} was trained on ${judged.sharedParts} parts of the test set: its figures flatter it.`;
    return gate("accuracy", false, what);
  }
  if (against === null) {
    if (activeModel === null) return gate("accuracy", true, "There is no active model that it could be worse than.");
    return gate("accuracy", false, `The active model ${activeModel} was not judged on this test set yet.`);
  }
  const { all, escapes, active } = against;
  const { low, high } = all.interval;
  const change = `${points(all.difference)} of ${all.parts} parts wrong, 95 % interval ${points(low)} to ${points(high)}`;
  if (escapes.interval.low > 0) {
    const what = `${escapes.broken} defective parts that ${active} caught pass now, ${escapes.fixed} the other way`;
    return gate("accuracy", false, `More escapes than with ${active}: ${what}.`);
  }
  if (high <= accuracyMargin) return gate("accuracy", true, `Against ${active}: ${change}.`);
  const why =
    low > 0 ? "it is worse" : `it may be worse by more than ${points(accuracyMargin)}; more test parts would tell`;
  return gate("accuracy", false, `Against ${active}: ${change}: ${why}.`);
}

function int8({ candidate, judged }: GateFacts, { aurocLoss, sameVerdicts }: GateLimits): Gate {
  if (judged === null) return gate("int8", false, `${candidate}: ${NOT_JUDGED}.`);
  const { float32, auroc } = judged;
  if (float32 === null)
    return gate("int8", false, "There is no float32 checkpoint that model.onnx could be compared with.");
  const lost = auroc === null || float32.auroc === null ? 0 : float32.auroc - auroc;
  const passed = lost <= aurocLoss && float32.sameVerdicts >= sameVerdicts;
  const figures = `${percent(float32.sameVerdicts)} of the verdicts are those of float32, AUROC changes by ${(-lost).toFixed(4)}`;
  const allowed = `; at least ${percent(sameVerdicts)} and −${aurocLoss} are asked for`;
  return gate("int8", passed, `On the device's model ${figures}${passed ? "" : allowed}.`);
}

function latency({ candidate, judged, against, wanted }: GateFacts, { slower }: GateLimits): Gate {
  if (judged === null) return gate("latency", false, `${candidate}: ${NOT_JUDGED}.`);
  if (judged.p99Ms === null) return gate("latency", false, "Its speed was not measured.");
  const took = `${judged.p99Ms.toFixed(1)} ms a frame on the hub's machine (99th percentile, one thread)`;
  if (wanted.taktMs > 0) {
    return gate("latency", judged.p99Ms <= wanted.taktMs, `${took}; the line's takt is ${wanted.taktMs} ms.`);
  }
  if (against === null || against.p99Ms === null)
    return gate("latency", true, `${took}; no takt is stated for the line.`);
  const before = `${against.active} takes ${against.p99Ms.toFixed(1)} ms`;
  return gate("latency", judged.p99Ms <= against.p99Ms * slower, `${took}; ${before}.`);
}

function size({ candidate, judged }: GateFacts, { modelBytes }: GateLimits): Gate {
  if (judged === null) return gate("size", false, `${candidate}: ${NOT_JUDGED}.`);
  const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
  const sentence = `model.onnx has ${mega(judged.modelBytes)}; at most ${mega(modelBytes)} may go to devices.`;
  return gate("size", judged.modelBytes <= modelBytes, sentence);
}

function certificate({ certificate: held, certificateFault, wanted }: GateFacts): Gate {
  const asked = `an escape rate of at most ${percent(wanted.maxEscape)} with confidence ${percent(wanted.confidence)}`;
  if (held === null) {
    const needed = Math.ceil(Math.log(1 - wanted.confidence) / Math.log(1 - wanted.maxEscape));
    const how = `${asked} needs ${needed} defective parts or more that were not learned from`;
    return gate("certificate", false, `It has no certificate: ${Number.isFinite(needed) ? how : asked}.`);
  }
  if (certificateFault !== null) return gate("certificate", false, `${capital(certificateFault)}.`);
  const promises = `It promises ${percent(held.maxEscape)} with confidence ${percent(held.confidence)}, from ${held.parts} parts`;
  const enough = held.maxEscape <= wanted.maxEscape && held.confidence >= wanted.confidence;
  return gate("certificate", enough, enough ? `${promises}.` : `${promises}; the project asks for ${asked}.`);
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
