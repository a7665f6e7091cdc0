import { z } from "zod";
import { Sha256 } from "../../contracts/hub-case.ts";

/** A model version of the hub by its id, or a name in the folder of bases. */
const Base = z.string().regex(/^[\w][\w.-]{0,127}$/, "the id of a model version, or the name of a base");

/** Body of `POST /api/v1/training`, and payload of a job of kind `train`. */
export const TrainingWish = z.strictObject({
  project: z.string().min(1).max(64),
  datasetSha256: Sha256.describe("the data set version; parts of test sets are left out"),
  base: Base.describe("a model version's id, or a bundle or ONNX file in the folder of bases"),
  layers: z
    .string()
    .regex(/^(head|last:\d{1,3}|gradual|all)$/, "head, last:N, gradual or all")
    .default("head"),
  sizePx: z.int().min(32).max(4096).multipleOf(32).default(224).describe("side of the model's input"),
  epochs: z.int().min(1).max(10_000).nullable().default(null).describe("null: the command's own choice"),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1),
  augment: z.enum(["none", "light", "standard", "strong"]).default("standard"),
  pooling: z
    .string()
    .regex(/^(average|top:0?\.\d+)$/, "average or top:SHARE")
    .nullable()
    .default(null)
    .describe("of the places that make an image's classes; null: as the base. Not used where a head alone is trained"),
  grid: z
    .string()
    .regex(/^\d{1,2}x\d{1,2}$/, "ROWSxCOLS")
    .nullable()
    .default(null)
    .describe("cells that are judged by themselves; needs boxes"),
  note: z.string().max(2000).default("").describe("why"),
});
export type TrainingWish = z.infer<typeof TrainingWish>;

export const TrainingPayload = TrainingWish.extend({
  name: z.string(),
  version: z.string(),
  /** The job whose interrupted run goes on; null: from the start. */
  resumeOf: z.uuid().nullable().default(null),
});
export type TrainingPayload = z.infer<typeof TrainingPayload>;

/** Result of a job of kind `train`. */
export const TrainingResult = z.looseObject({
  bundlePath: z.string(),
  modelId: z.string(),
  modelSha256: Sha256,
  interrupted: z.boolean(),
  metrics: z.record(z.string(), z.unknown()),
});
export type TrainingResult = z.infer<typeof TrainingResult>;

export const EvaluationPayload = z.strictObject({ project: z.string(), modelId: z.string(), datasetSha256: Sha256 });
export type EvaluationPayload = z.infer<typeof EvaluationPayload>;

export const TRAIN = "train";
export const EVALUATE = "evaluate";

/** What a training's command line is, without the folders. */
export function trainOptions(wish: TrainingPayload, goodLabels: readonly string[]): string[] {
  const { layers, sizePx, epochs, seed, augment, pooling, grid, name, version } = wish;
  return [
    ...["--layers", layers, "--size", String(sizePx), "--seed", String(seed), "--augment", augment],
    ...["--name", name, "--as-version", version, "--split-by", "part"],
    ...(epochs === null ? [] : ["--epochs", String(epochs)]),
    ...(pooling === null || layers === "head" ? [] : ["--pooling", pooling]),
    ...(grid === null ? [] : ["--grid", grid]),
    ...(goodLabels.length === 0 ? [] : ["--good", goodLabels.join(",")]),
    ...["--licence", "The images are of the plant's own line and belong to its owner."],
  ];
}
