import { type Agreement, cohensKappa } from "./cohens-kappa.ts";
import { type Diagnosis, diagnose, type ErrorCount, type Split, SPLITS } from "./diagnose.ts";
import { type EmbeddingSliceReport, findEmbeddingSlices } from "./embedding-slices.ts";
import { type ErrorPrices, type ErrorTable, errorTable } from "./error-table.ts";
import { findSlices, type SliceItem, type SliceReport } from "./find-slices.ts";
import { type LearningCurve, learningCurve } from "./learning-curve.ts";
import { type NextSteps, nextSteps } from "./next-steps.ts";
import { isError, type OutcomeCell, outcomeOfPrediction } from "./outcome-cell.ts";
import type { Prediction } from "./predictions.ts";
import { sampleErrors } from "./sample-errors.ts";
import { designEffect } from "./slice-halves.ts";
import { crossValidatedProbabilities, type SuspectedLabel, suspectedLabels } from "./suspected-labels.ts";

export interface AnalysisOptions {
  /** Error rate of a person, or the one that is wanted; null: from `second_label` where there is one. */
  readonly baselineError: number | null;
  readonly wantedError: number | null;
  /** Classes that are no defect; without them there is no escape and no overkill. */
  readonly goodClasses: readonly string[];
  readonly prices: ErrorPrices | null;
  readonly task: "images" | "any";
  readonly seed: number;
  /** Errors drawn to be read. */
  readonly sample: number;
}

export interface PredictionAnalysis {
  /** Analysed: the last version's cases of these splits. */
  readonly analysed: {
    readonly cases: number;
    readonly splits: readonly Split[];
    readonly modelVersion: string | null;
  };
  readonly table: ErrorTable;
  readonly diagnosis: Diagnosis;
  readonly slices: SliceReport;
  /** Null without embeddings, as is the curve. */
  readonly clusters: EmbeddingSliceReport | null;
  readonly curve: LearningCurve | null;
  /** Null without scores and embeddings. */
  readonly labels: { readonly suspects: readonly SuspectedLabel[]; readonly estimatedWrong: number } | null;
  readonly agreement: Agreement | null;
  readonly next: NextSteps;
  /** Errors to read, drawn at random. */
  readonly sample: readonly { readonly id: string; readonly label: string; readonly predicted: string }[];
}

/** Everything that can be said from a file of predictions. Deterministic for a seed. */
export function analysePredictions(all: readonly Prediction[], options: AnalysisOptions): PredictionAnalysis {
  const versions = [...new Set(all.map(({ modelVersion }) => modelVersion))];
  const modelVersion = versions.at(-1) ?? null;
  const last = all.filter((prediction) => prediction.modelVersion === modelVersion);
  const splits = analysedSplits(last);
  const isAnalysed = ({ split }: Prediction): boolean => splits.includes(split);
  const cases = last.filter(isAnalysed);
  const good = new Set(options.goodClasses);
  const isWrong = ({ label, predicted }: Prediction): boolean => isError(outcomeOfPrediction(label, predicted, good));
  const items = cases.map((prediction): SliceItem & { readonly embedding: Float32Array | null } => ({
    id: prediction.id,
    group: prediction.group,
    wrong: isWrong(prediction),
    metadata: prediction.metadata,
    embedding: prediction.embedding,
  }));
  const table = errorTable(cellsOf(all.filter(isAnalysed), good), {
    versions: versions.map((version) => version ?? ""),
    prices: options.prices,
    designEffect: items.length === 0 ? 1 : designEffect(items),
  });
  const pairs = last.flatMap(({ label, secondLabel }) =>
    secondLabel === null ? [] : [{ first: label, second: secondLabel }],
  );
  const agreement = pairs.length === 0 ? null : cohensKappa(pairs);
  const diagnosis = diagnose({
    baseline: options.baselineError ?? humanBaseline(agreement),
    splits: Object.fromEntries(
      SPLITS.map((split) => [
        split,
        errorsOf(
          last.filter((each) => each.split === split),
          isWrong,
        ),
      ]),
    ),
  });
  const slices = findSlices(items, { seed: options.seed });
  const embedded = items.flatMap((item) => (item.embedding === null ? [] : [{ ...item, embedding: item.embedding }]));
  const clusters = embedded.length === 0 ? null : findEmbeddingSlices(embedded, { seed: options.seed });
  const curve = curveOf(last, options.seed);
  const labels = suspicionsOf(cases, options.seed);
  const wrongIds = new Set(items.filter(({ wrong }) => wrong).map(({ id }) => id));
  const next = nextSteps({
    task: options.task,
    table,
    diagnosis,
    curve,
    slices,
    clusters,
    labels:
      labels === null
        ? null
        : {
            suspects: labels.suspects.length,
            suspectedErrors: labels.suspects.filter(({ id }) => wrongIds.has(id)).length,
            cases: cases.length,
          },
    agreement,
    wantedError: options.wantedError,
  });
  const sample = sampleErrors(cases.filter(isWrong), options.sample, options.seed);
  return {
    analysed: { cases: cases.length, splits, modelVersion },
    table,
    diagnosis,
    slices,
    clusters,
    curve,
    labels,
    agreement,
    next,
    sample: sample.map(({ id, label, predicted }) => ({ id, label, predicted })),
  };
}

/** Held-out cases; the test set only where there is nothing else, since it wears out by being looked at. */
function analysedSplits(predictions: readonly Prediction[]): Split[] {
  const has = (split: Split): boolean => predictions.some((prediction) => prediction.split === split);
  const daily = (["validation", "production"] as const).filter(has);
  if (daily.length > 0) return daily;
  return has("test") ? ["test"] : ["train"];
}

function cellsOf(predictions: readonly Prediction[], good: ReadonlySet<string>): OutcomeCell[] {
  const cells = new Map<string, OutcomeCell>();
  for (const { label, predicted, modelVersion, tags } of predictions) {
    const outcome = outcomeOfPrediction(label, predicted, good);
    const sorted = [...tags].sort();
    const key = JSON.stringify([modelVersion, outcome, sorted]);
    const before = cells.get(key);
    cells.set(key, { modelVersion: modelVersion ?? "", outcome, tags: sorted, cases: (before?.cases ?? 0) + 1 });
  }
  return [...cells.values()];
}

function errorsOf(predictions: readonly Prediction[], isWrong: (prediction: Prediction) => boolean): ErrorCount {
  const judged = predictions.map((prediction) => ({ group: prediction.group, wrong: isWrong(prediction) }));
  return {
    errors: judged.filter(({ wrong }) => wrong).length,
    cases: judged.length,
    designEffect: judged.length === 0 ? 1 : designEffect(judged),
  };
}

const humanBaseline = (agreement: Agreement | null): ErrorCount | null =>
  agreement === null ? null : { errors: agreement.humanError.hits, cases: agreement.humanError.trials };

/** Of every case with an embedding, whatever its split: the curve holds parts out itself. */
function curveOf(predictions: readonly Prediction[], seed: number): LearningCurve | null {
  const embedded = predictions.flatMap(({ embedding, label, group }) =>
    embedding === null ? [] : [{ embedding, label, group }],
  );
  return embedded.length === 0 ? null : learningCurve(embedded, { seed });
}

/** By cross-validation where there are embeddings, else by the model's scores of cases it did not learn from. */
function suspicionsOf(cases: readonly Prediction[], seed: number): PredictionAnalysis["labels"] {
  const classes = [...new Set(cases.flatMap(({ label, scores }) => [label, ...Object.keys(scores ?? {})]))].sort();
  if (classes.length < 2) return null;
  const embedded = cases.flatMap((each) => (each.embedding === null ? [] : [{ ...each, embedding: each.embedding }]));
  const parts = new Set(embedded.map(({ group }) => group)).size;
  if (embedded.length === cases.length && parts > 1) {
    const probabilities = crossValidatedProbabilities(embedded, classes, seed);
    const judged = cases.map(({ id, label }, index) => ({ id, label, probabilities: probabilities[index] ?? [] }));
    return suspectedLabels(judged, classes);
  }
  const scored = cases.flatMap(({ id, label, scores, split }) =>
    scores === null || split === "train"
      ? []
      : [{ id, label, probabilities: shares(classes.map((name) => scores[name] ?? 0)) }],
  );
  return scored.length === 0 ? null : suspectedLabels(scored, classes);
}

/** Scores as probabilities: as they are where they sum to 1, over their sum where none is negative, else by softmax. */
function shares(scores: readonly number[]): number[] {
  const sum = scores.reduce((total, score) => total + score, 0);
  if (scores.every((score) => score >= 0) && sum > 0) return scores.map((score) => score / sum);
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / total);
}
