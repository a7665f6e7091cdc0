import { type EmbeddingSliceReport, findEmbeddingSlices } from "../../analysis/embedding-slices.ts";
import { findSlices, type SliceReport } from "../../analysis/find-slices.ts";
import { type LearningCurve, learningCurve } from "../../analysis/learning-curve.ts";
import { crossValidatedProbabilities, type SuspectedLabel, suspectedLabels } from "../../analysis/suspected-labels.ts";

export interface StudyCase {
  readonly id: string;
  /** The physical part. */
  readonly group: string;
  readonly label: string;
  /** By the model version that slices are looked for in. */
  readonly current: boolean;
  /** False where the model left it to a person, or a fault kept it from judging. */
  readonly judged: boolean;
  readonly wrong: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** Two people gave this label: it is not suspected any more. */
  readonly confirmed: boolean;
  readonly embedding: Float32Array | null;
}

export interface StudyInput {
  readonly cases: readonly StudyCase[];
  readonly classes: readonly string[];
  readonly modelVersion: string | null;
  readonly seed: number;
}

/** What labelled cases tell beyond their counts. Null where there are too few of them. */
export interface Study {
  /** Whose errors the slices are of; null: of all versions, where the newest ones have too few labelled cases. */
  readonly modelVersion: string | null;
  readonly cases: number;
  readonly embedded: number;
  readonly slices: SliceReport;
  readonly clusters: EmbeddingSliceReport | null;
  readonly curve: LearningCurve | null;
  readonly suspects: readonly SuspectedLabel[];
  /** Labels estimated to be wrong. */
  readonly estimatedWrong: number;
  /** Suspected labels among the errors. */
  readonly suspectedErrors: number;
}

/** Below so many labelled cases with an embedding, clusters and suspicion say nothing. */
const LEAST_EMBEDDED = 60;
const CURVE_REPEATS = 10;

/** Takes seconds at a few thousand cases: for a thread of its own. */
export function studyOf({ cases, classes, modelVersion, seed }: StudyInput): Study {
  const judged = cases.filter((each) => each.judged && each.current);
  const embedded = embeddedOf(cases);
  const enough = embedded.length >= LEAST_EMBEDDED;
  const { suspects, estimatedWrong } = suspectsAmong(embedded, classes, seed);
  const wrong = new Set(judged.filter((each) => each.wrong).map(({ id }) => id));
  return {
    modelVersion,
    cases: judged.length,
    embedded: embedded.length,
    slices: findSlices(judged, { seed }),
    clusters: enough
      ? findEmbeddingSlices(
          embedded.filter((each) => each.judged && each.current),
          { seed },
        )
      : null,
    curve: learningCurve(embedded, { seed, repeats: CURVE_REPEATS }),
    suspects,
    estimatedWrong,
    suspectedErrors: suspects.filter(({ id }) => wrong.has(id)).length,
  };
}

const NO_SUSPICION = { suspects: [] as readonly SuspectedLabel[], estimatedWrong: 0 };

type EmbeddedCase = StudyCase & { readonly embedding: Float32Array };

const embeddedOf = (cases: readonly StudyCase[]): EmbeddedCase[] =>
  cases.flatMap((each) => (each.embedding === null ? [] : [{ ...each, embedding: each.embedding }]));

export type Suspicions = Pick<Study, "embedded" | "suspects" | "estimatedWrong">;

/** The part of a study that looks for labels that are probably wrong. */
export function suspicionsOf({ cases, classes, seed }: Omit<StudyInput, "modelVersion">): Suspicions {
  const embedded = embeddedOf(cases);
  return { embedded: embedded.length, ...suspectsAmong(embedded, classes, seed) };
}

function suspectsAmong(
  cases: readonly EmbeddedCase[],
  classes: readonly string[],
  seed: number,
): Omit<Suspicions, "embedded"> {
  if (cases.length < LEAST_EMBEDDED) return NO_SUSPICION;
  if (new Set(cases.map(({ label }) => label)).size < 2 || new Set(cases.map(({ group }) => group)).size < 2) {
    return NO_SUSPICION;
  }
  const probabilities = crossValidatedProbabilities(cases, classes, seed);
  const labelled = cases.map(({ id, label }, index) => ({ id, label, probabilities: probabilities[index] ?? [] }));
  const { suspects, estimatedWrong } = suspectedLabels(labelled, classes);
  const confirmed = new Set(cases.filter((each) => each.confirmed).map(({ id }) => id));
  return { suspects: suspects.filter(({ id }) => !confirmed.has(id)), estimatedWrong };
}
