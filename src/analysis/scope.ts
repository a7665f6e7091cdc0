import { partsForChance, partsNeeded, type PromiseTerms, provenRate } from "../statistics/exact-promise.ts";

/** What a project wants and what it has. Rates and shares in (0, 1). */
export interface ScopeFigures {
  readonly maxEscape: number;
  readonly maxOverkill: number;
  readonly confidence: number;
  readonly partsPerDay: number;
  /** Share of the parts that are defective. */
  readonly defectRate: number;
  readonly taktMs: number;
  /** Held-out parts, never trained on, one count a part; how many of them were judged wrong. */
  readonly defectiveParts: number;
  readonly escapes: number;
  readonly goodParts: number;
  readonly overkills: number;
}

export interface ProofOfRate {
  readonly target: PromiseTerms;
  readonly parts: number;
  readonly wrong: number;
  /** The rate those parts prove at that confidence. */
  readonly provenRate: number;
  readonly proven: boolean;
  /** Parts needed with 0, 1, 2, 3 of them judged wrong. */
  readonly needed: readonly number[];
  /** More parts of that kind needed, were no further one judged wrong; 0 when proven. */
  readonly missing: number;
  /** Working days the line takes to yield the missing ones; null when it never does. */
  readonly daysForMissing: number | null;
  /** Days for a proof from nothing with no part judged wrong. */
  readonly daysFromNothing: number | null;
  /** Parts with which the proof succeeds in 8 of 10 tries, were the true rate a third of the target. */
  readonly partsForLikelyProof: number | null;
  readonly daysForLikelyProof: number | null;
}

export interface Scope {
  readonly escape: ProofOfRate;
  readonly overkill: ProofOfRate;
  /** Parts that come in a day of 24 hours at the takt time. */
  readonly partsPerDayAtTakt: number;
  /** For people: what is proven, what is missing, how long it takes; a sentence each. */
  readonly sentences: readonly string[];
}

const NEEDED_SHOWN = [0, 1, 2, 3];
const LIKELY = 0.8;
const MS_PER_DAY = 86_400_000;

/**
 * Whether a target can be proven at all, from the exact binomial rule (Clopper & Pearson 1934): 1 % at 95 % takes 299
 * defective parts, none of which may pass. A target that takes years to prove is better learnt of before the project.
 */
export function scopeOf(figures: ScopeFigures): Scope {
  const { confidence, partsPerDay, defectRate } = figures;
  const escape = proofOf(
    { maxRate: figures.maxEscape, confidence },
    { parts: figures.defectiveParts, wrong: figures.escapes },
    partsPerDay * defectRate,
  );
  const overkill = proofOf(
    { maxRate: figures.maxOverkill, confidence },
    { parts: figures.goodParts, wrong: figures.overkills },
    partsPerDay * (1 - defectRate),
  );
  const partsPerDayAtTakt = Math.floor(MS_PER_DAY / figures.taktMs);
  const sentences = [
    proofSentence("defective parts", "pass", escape, partsPerDay * defectRate),
    proofSentence("good parts", "are rejected", overkill, partsPerDay * (1 - defectRate)),
  ];
  if (partsPerDay > partsPerDayAtTakt)
    sentences.push(
      `A takt of ${figures.taktMs} ms yields at most ${partsPerDayAtTakt} parts a day, not ${partsPerDay}: correct one of them.`,
    );
  return { escape, overkill, partsPerDayAtTakt, sentences };
}

function proofOf(
  target: PromiseTerms,
  seen: { readonly parts: number; readonly wrong: number },
  perDay: number,
): ProofOfRate {
  const proven = seen.parts >= partsNeeded(target, seen.wrong);
  const missing = proven ? 0 : Math.max(1, partsNeeded(target, seen.wrong) - seen.parts);
  const days = (parts: number | null): number | null => (parts === null || perDay <= 0 ? null : parts / perDay);
  const partsForLikelyProof = partsForChance(target, target.maxRate / 3, LIKELY);
  return {
    target,
    ...seen,
    provenRate: provenRate(seen.wrong, seen.parts, target.confidence),
    proven,
    needed: NEEDED_SHOWN.map((wrong) => partsNeeded(target, wrong)),
    missing,
    daysForMissing: proven ? 0 : days(missing),
    daysFromNothing: days(partsNeeded(target)),
    partsForLikelyProof,
    daysForLikelyProof: days(partsForLikelyProof),
  };
}

function proofSentence(parts: string, verdict: string, proof: ProofOfRate, perDay: number): string {
  const { target, proven, missing, daysForMissing } = proof;
  const wanted = `at most ${percent(target.maxRate)} of ${parts} ${verdict}`;
  const seen =
    proof.parts === 0
      ? `there are no held-out ${parts}`
      : `${proof.wrong} of ${proof.parts} held-out ${parts} ${verdict}`;
  const shown = proof.parts === 0 ? "" : `, which proves ${percentUp(proof.provenRate)}`;
  const sure = `with ${percent(target.confidence)} confidence`;
  if (proven) return `Proven ${sure}: ${wanted} (${seen}${shown}).`;
  const wait =
    daysForMissing === null
      ? "the line never yields any"
      : `${daysText(daysForMissing)} at ${Number(perDay.toPrecision(3))} a day`;
  return `Not proven ${sure}: ${wanted}; ${seen}${shown}. ${missing} more are needed, none of them judged wrong: ${wait}.`;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(6))} %`;
/** Rounded up: the rounded promise must still be supported. */
const percentUp = (share: number): string => percent(Math.min(1, Math.ceil(share * 10_000) / 10_000));

/** Days of production, rounded up; years from 2 on, at 250 working days. */
export function daysText(days: number): string {
  if (days <= 1) return "1 day";
  return days > 500 ? `${Number((days / 250).toPrecision(2))} years of 250 days` : `${Math.ceil(days)} days`;
}
