import type { GeneratedAlways } from "kysely";

/** Of migration 0002: models and what becomes of them. The rules of `tables.ts` hold here too. */
export interface ModelTables {
  model_numbers: ModelNumberTable;
  model_versions: ModelVersionTable;
  model_files: ModelFileTable;
  active_models: ActiveModelTable;
  training_points: TrainingPointTable;
  test_sets: TestSetTable;
  evaluations: EvaluationTable;
  evaluation_frames: EvaluationFrameTable;
  releases: ReleaseTable;
  device_reports: DeviceReportTable;
  drift_alarms: DriftAlarmTable;
}

/** The number that the last trained model of a project took. */
interface ModelNumberTable {
  project_id: string;
  last: number;
}

/** A bundle as it was written: never changed. */
interface ModelVersionTable {
  id: string;
  project_id: string;
  name: string;
  version: string;
  /** Of model.onnx: what devices report. */
  model_sha256: string;
  origin: "trained" | "imported";
  /** The training it came from; one bundle a job. */
  job_id: string | null;
  dataset_sha256: string | null;
  /** The model version it was trained from; null: from a backbone, or imported. */
  parent_id: string | null;
  /** Of all its files. */
  bytes: number;
  manifest_json: string;
  /** What the training said at its end; {} of an imported one. */
  training_json: string;
  created_by: string;
  created_at: number;
}

/** manifest.json and every file that it lists, in the store of models. */
interface ModelFileTable {
  model_id: string;
  name: string;
  sha256: string;
  bytes: number;
}

/** What the project's devices shall run: its last model that reached the fleet, or was imported as such. */
interface ActiveModelTable {
  project_id: string;
  model_id: string;
  since: number;
  by_user: string;
}

interface TrainingPointTable {
  job_id: string;
  stage: string;
  step: number;
  total: number;
  loss: number | null;
  held_out_loss: number | null;
  at: number;
  fencing_token: number;
}

/** A data set version that models are compared on and never trained on. */
interface TestSetTable {
  dataset_sha256: string;
  project_id: string;
  /** "test": the parts that the split puts there; "all": every part of the version. */
  side: "test" | "all";
  marked_by: string;
  marked_at: number;
}

interface EvaluationTable {
  model_id: string;
  dataset_sha256: string;
  frames: number;
  /** Parts of the test set that the model, or one before it, was trained on: above 0 its figures flatter. */
  shared_parts: number;
  figures_json: string;
  at: number;
}

interface EvaluationFrameTable {
  model_id: string;
  dataset_sha256: string;
  image_sha256: string;
  verdict: string;
  class: string | null;
  ng_score: number | null;
}

interface ReleaseTable {
  id: string;
  project_id: string;
  product: string;
  model_id: string;
  /** Of the product, in the catalogue. */
  release_number: number;
  /** The release whose model is taken back by this one; null: a step forward. */
  back_from: string | null;
  /** signing, ready, rolling, held, done, withdrawn: releases/release.ts. */
  state: string;
  /** shadow, canary or fleet as ordered last; null: not ordered yet. */
  stage: string | null;
  stage_since: number | null;
  lines_json: string;
  canaries_json: string;
  criteria_json: string;
  gates_json: string;
  override_reason: string | null;
  reason: string;
  /** What happened last, or what it waits for. */
  sentence: string;
  /** 1: the next stage is ordered when its criteria hold. */
  automatic: number;
  created_by: string;
  created_at: number;
  changed_at: number;
}

/** The newest report of each device. */
interface DeviceReportTable {
  device_id: string;
  /** By the device's clock. */
  at: number;
  received_at: number;
  json: string;
}

interface DriftAlarmTable {
  row: GeneratedAlways<number>;
  device_id: string;
  stream: string;
  direction: string;
  at: number;
  received_at: number;
  json: string;
  /** When a person said that it was looked after; null: open. */
  seen_at: number | null;
  seen_by: string | null;
}
