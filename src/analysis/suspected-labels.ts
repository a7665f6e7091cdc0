import { seededRandom, shuffle } from "../platform/random.ts";
import { stratifiedGroupFolds } from "../statistics/group-folds.ts";
import { classProbabilities, fitLinearHead, projected } from "./linear-head.ts";

export interface LabelledProbabilities {
  readonly id: string;
  readonly label: string;
  /** In the order of the classes; by a model that did not learn from this case (see crossValidatedProbabilities). */
  readonly probabilities: ArrayLike<number>;
}

export interface SuspectedLabel {
  readonly id: string;
  readonly label: string;
  readonly suggested: string;
  /** 0-1: half of 1 + the probability of the suggested class less that of the label. */
  readonly suspicion: number;
}

export interface SuspectedLabels {
  /** Most suspicious first. */
  readonly suspects: readonly SuspectedLabel[];
  /** Of every case, in the order given: 0 surely right, 1 surely wrong. */
  readonly suspicions: readonly number[];
  /** Labels estimated to be wrong, from the calibrated confident joint. */
  readonly estimatedWrong: number;
  /** [label][suspected truth]: cases, whole numbers. */
  readonly confidentJoint: readonly (readonly number[])[];
}

/**
 * Confident learning (Northcutt, Jiang & Chuang 2021): a case is suspected when it is, by the mean confidence of cases so
 * labelled, confidently of another class. About half of such flags were real errors in ten public test sets (Northcutt,
 * Athalye & Mueller 2021): a queue for a person, never a correction.
 */
export function suspectedLabels(cases: readonly LabelledProbabilities[], classes: readonly string[]): SuspectedLabels {
  const indices = cases.map(({ label }) => classes.indexOf(label));
  const thresholds = classes.map((_, wanted) => {
    const own = cases.filter((_, index) => indices[index] === wanted);
    // A class nobody has been given cannot be anyone's truth.
    return own.length === 0
      ? Infinity
      : own.reduce((sum, { probabilities }) => sum + (probabilities[wanted] ?? 0), 0) / own.length;
  });
  const joint = classes.map(() => classes.map(() => 0));
  const suspects: SuspectedLabel[] = [];
  const suspicions = cases.map(({ id, label, probabilities }, index) => {
    const own = indices[index] ?? -1;
    const other = likeliest(probabilities, (at) => at !== own);
    const suspicion = (1 + (probabilities[other] ?? 0) - (probabilities[own] ?? 0)) / 2;
    const confident = likeliest(probabilities, (at) => (probabilities[at] ?? 0) >= (thresholds[at] ?? Infinity));
    const row = joint[own];
    if (confident === -1 || row === undefined) return suspicion;
    row[confident] = (row[confident] ?? 0) + 1;
    if (confident !== own) suspects.push({ id, label, suggested: classes[confident] ?? "", suspicion });
    return suspicion;
  });
  return {
    suspects: suspects.sort((one, another) => another.suspicion - one.suspicion),
    suspicions,
    estimatedWrong: estimatedWrong(joint, indices),
    confidentJoint: joint,
  };
}

/** The confident joint with its rows scaled to the number of cases so labelled: what lies off the diagonal is wrong. */
function estimatedWrong(joint: readonly (readonly number[])[], indices: readonly number[]): number {
  return joint.reduce((sum, row, label) => {
    const counted = row.reduce((total, count) => total + count, 0);
    const given = indices.filter((index) => index === label).length;
    return counted === 0 ? sum : sum + (given * (counted - (row[label] ?? 0))) / counted;
  }, 0);
}

function likeliest(probabilities: ArrayLike<number>, fits: (index: number) => boolean): number {
  let best = -1;
  for (let at = 0; at < probabilities.length; at++) {
    if (fits(at) && (best === -1 || (probabilities[at] ?? 0) > (probabilities[best] ?? 0))) best = at;
  }
  return best;
}

export interface EmbeddedCase {
  readonly embedding: ArrayLike<number>;
  readonly label: string;
  /** The physical part: never torn apart by the folds. */
  readonly group: string;
}

const FOLDS = 5;
const MOST_DIMENSIONS = 256;
/** More examples change a linear head of that width little. */
const MOST_LEARNT = 10_000;

/**
 * Probabilities of every case by a linear head that learnt from other parts only; in the order given, over `classes`.
 * Needs at least two parts.
 */
export function crossValidatedProbabilities(
  cases: readonly EmbeddedCase[],
  classes: readonly string[],
  seed: number,
): Float64Array[] {
  const foldCount = Math.min(FOLDS, new Set(cases.map(({ group }) => group)).size);
  const folds = stratifiedGroupFolds(cases, foldCount, seed);
  const embeddings = projected(
    cases.map(({ embedding }) => embedding),
    MOST_DIMENSIONS,
    seed,
  );
  const result: Float64Array[] = cases.map(() => new Float64Array(classes.length));
  for (let fold = 0; fold < foldCount; fold++) {
    const learnt = shuffle(
      [...folds.keys()].filter((index) => folds[index] !== fold),
      seededRandom(seed),
    ).slice(0, MOST_LEARNT);
    const head = fitLinearHead(
      {
        embeddings: learnt.map((index) => embeddings[index] ?? []),
        classIndices: learnt.map((index) => classes.indexOf(cases[index]?.label ?? "")),
      },
      classes.length,
    );
    folds.forEach((itsFold, index) => {
      if (itsFold === fold) result[index] = classProbabilities(head, embeddings[index] ?? []);
    });
  }
  return result;
}
