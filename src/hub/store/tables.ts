import type { Generated, GeneratedAlways } from "kysely";
import type { ModelTables } from "./model-tables.ts";

/**
 * The hub's tables as Kysely sees them; `migrations/` makes them. The same on SQLite and PostgreSQL: ids and JSON are text,
 * times Unix milliseconds, truth values 0 or 1, so that no engine's special type leaks into a query.
 */

/** What a person's label makes of a verdict. Escape, overkill and wrong-class are errors; `undecided` is a review. */
export const OUTCOMES = ["correct", "escape", "overkill", "wrong-class", "undecided", "fault"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export const ERROR_OUTCOMES = ["escape", "overkill", "wrong-class"] as const satisfies readonly Outcome[];

export interface Tables extends ModelTables {
  projects: ProjectTable;
  devices: DeviceTable;
  enrolment_codes: EnrolmentCodeTable;
  images: ImageTable;
  image_senders: ImageSenderTable;
  device_progress: DeviceProgressTable;
  lost_cases: LostCaseTable;
  cases: CaseTable;
  case_facets: CaseFacetTable;
  case_times: CaseTimeTable;
  case_metadata: CaseMetadataTable;
  embeddings: EmbeddingTable;
  sketches: SketchTable;
  verdicts: VerdictTable;
  labels: LabelTable;
  tags: TagTable;
  case_tags: CaseTagTable;
  outcome_counts: OutcomeCountTable;
  work_orders: WorkOrderTable;
  saved_filters: SavedFilterTable;
  dataset_versions: DatasetVersionTable;
  dataset_items: DatasetItemTable;
  users: UserTable;
  sessions: SessionTable;
  api_tokens: ApiTokenTable;
  audit: AuditTable;
  jobs: JobTable;
}

/** A product that is inspected: what is to be achieved, at which prices. */
interface ProjectTable {
  id: string;
  name: string;
  problem: string;
  /** JSON: [{name, kind: "good" | "defect"}], in the order of the label keys. */
  classes_json: string;
  max_escape: number;
  max_overkill: number;
  confidence: number;
  takt_ms: number;
  parts_per_day: number;
  defect_rate: number;
  /** Money a part, in the plant's currency. */
  escape_cost: number;
  overkill_cost: number;
  currency: string;
  created_at: number;
}

interface DeviceTable {
  /** The device's name in MQTT topics and verdicts. */
  id: string;
  project_id: string;
  line: string;
  /** SHA-256 (hex) of its credential; the credential itself is never kept. */
  credential_sha256: string;
  enrolled_at: number;
  revoked_at: number | null;
  last_seen_at: number | null;
  /** Cases and bytes it may send a day. */
  daily_cases: number;
  daily_bytes: number;
}

interface EnrolmentCodeTable {
  code_sha256: string;
  device_id: string;
  project_id: string;
  line: string;
  created_by: string;
  created_at: number;
  expires_at: number;
  used_at: number | null;
}

interface ImageTable {
  sha256: string;
  bytes: number;
  media_type: string;
  width_px: number;
  height_px: number;
  stored_at: number;
  /** Device that sent it first; null: imported. */
  device_id: string | null;
  /** When a reconciliation found no file for it; null: the file is there. */
  missing_since: Generated<number | null>;
}

/** A device may only name images whose bytes it sent itself: two devices may well send the same ones. */
interface ImageSenderTable {
  sha256: string;
  device_id: string;
  sent_at: number;
}

/** Hard cases that a device had chosen and gave up, as it told: the hub will never get them. */
interface LostCaseTable {
  /** Of its verdict. */
  id: string;
  device_id: string;
  /** Bits in the order of HARD_CASE_REASONS. */
  reasons: number;
  cause: string;
  bytes: number;
  lost_at: number;
  told_at: number;
}

/** The newest verdict up to which the hub has everything a device sent, without a gap. */
interface DeviceProgressTable {
  device_id: string;
  boot_seq: number;
  verdict_seq: number;
}

interface CaseTable {
  /** Rises in the order of arrival; pages are cut by it. */
  row: GeneratedAlways<number>;
  /** The verdict's UUIDv7: one case however often it is sent. */
  id: string;
  project_id: string;
  device_id: string;
  line: string;
  part: string;
  captured_at: number;
  received_at: number;
  image_sha256: string;
  /** JSON {x, y, width, height}: the part of the frame that was sent, px; null: all of it. */
  crop_json: string | null;
  verdict: string;
  class: string | null;
  ng_score: number | null;
  model_name: string;
  model_version: string;
  model_sha256: string;
  /** Bits in the order of HARD_CASE_REASONS. */
  reasons: number;
  /** Chance with which this frame was chosen, in (0, 1]; null where unknown. */
  selection_probability: number | null;
  /** The label that counts now; null: not labelled. */
  label: string | null;
  /** 1 where the label is a defect class; null: not labelled. */
  label_defect: number | null;
  outcome: Outcome | null;
  /** Ids of its tags, ascending, joined with commas: the key of its cell in `outcome_counts`. */
  tag_set: Generated<string>;
  /** Suspicion that the label is wrong (confident learning), 0 to 1; null: not computed. */
  label_suspicion: number | null;
  verdict_json: string;
  metadata_json: string;
}

/**
 * What cases are filtered by, turned around: for every property (a device, a label, a day, a word of metadata) the rows of
 * the cases that have it. `cases/facets.ts` says what a facet is.
 */
interface CaseFacetTable {
  facet: number;
  case_row: number;
}

/** The time of capture again, in rows so small that thousands of cases can be asked for it: theirs are a hundred times as large. */
interface CaseTimeTable {
  case_row: number;
  captured_at: number;
}

/** The metadata of a case, word by word; to find cases by it, see `case_facets`. */
interface CaseMetadataTable {
  case_row: number;
  key: string;
  value: string;
}

interface EmbeddingTable {
  case_row: number;
  model_sha256: string;
  /** float32 little-endian, as the model gave it. */
  vector: Uint8Array;
}

/** The embedding in 64 dimensions, for the similarity index to load: cases/sketch.ts. */
interface SketchTable {
  case_row: number;
  project_id: string;
  model_sha256: string;
  /** float32 little-endian. */
  sketch: Uint8Array;
}

/** Every verdict a device reported, hard case or not: the ledger's copy. */
interface VerdictTable {
  device_id: string;
  boot_seq: number;
  verdict_seq: number;
  id: string;
  verdict: string;
  decided_at: number;
  received_at: number;
  json: string;
  /** JSON: how its frame looks; null where the device did not say. */
  statistics_json: string | null;
}

interface LabelTable {
  row: GeneratedAlways<number>;
  case_row: number;
  label: string;
  /** 1 where the label is a defect class. */
  label_defect: number;
  /** What this label makes of the verdict. */
  outcome: Outcome;
  by_user: string;
  at: number;
  /** 1: given without seeing model or other labels, for agreement. */
  blind: number;
  /** JSON: [{x, y, width, height, class}] in px of the image. */
  boxes_json: string;
  undone_at: number | null;
}

interface TagTable {
  id: GeneratedAlways<number>;
  project_id: string;
  name: string;
  colour: string;
  description: string;
  created_by: string;
  created_at: number;
}

interface CaseTagTable {
  case_row: number;
  tag_id: number;
  by_user: string;
  at: number;
}

/**
 * Counts of labelled cases by model version, verdict outcome and set of tags, kept in the transaction that labels or tags:
 * the error table, overlaps included, never has to walk the cases.
 */
interface OutcomeCountTable {
  project_id: string;
  model_version: string;
  outcome: Outcome;
  tag_set: string;
  cases: number;
}

interface WorkOrderTable {
  id: string;
  project_id: string;
  tag_id: number | null;
  kind: string;
  title: string;
  detail: string;
  owner: string;
  status: string;
  /** Share of all judged cases that should no longer be wrong; null: not estimated. Afterwards, what it was. */
  expected_gain: number | null;
  measured_gain: number | null;
  /** JSON of a sampling rule for the devices, for kind "collect"; else null. */
  sampling_rule_json: string | null;
  created_by: string;
  created_at: number;
  closed_at: number | null;
}

interface SavedFilterTable {
  id: string;
  project_id: string;
  name: string;
  query: string;
  created_by: string;
  created_at: number;
}

/** Lists of items, written piece by piece; a list counts when a version names it, others are remains and are removed. */
interface DatasetItemTable {
  /** UUIDv7 of when it was begun. */
  list_id: string;
  image_sha256: string;
  /** The item as the canonical list has it. */
  json: string;
  /** 1: cases with the same image are labelled otherwise; such an image is left out. */
  contradicted: number;
}

interface DatasetVersionTable {
  /** SHA-256 of the canonical list of its items: the version is its content. */
  sha256: string;
  project_id: string;
  name: string;
  parent_sha256: string | null;
  cases: number;
  note: string;
  created_by: string;
  created_at: number;
  /** Its items in `dataset_items`. */
  list_id: string;
  /** JSON: the case filter it was made with. */
  filter_json: string;
  /** JSON: parts and frames by class and side, and what was left out. */
  report_json: string;
}

interface UserTable {
  name: string;
  /** PHC string of argon2id; null: signs in through OpenID Connect only. */
  password_hash: string | null;
  role: string;
  oidc_subject: string | null;
  created_at: number;
  disabled_at: number | null;
  /** 1: the password was made by the hub and has to be replaced at the first sign-in. */
  password_once: Generated<number>;
}

/** For programs: acts for a person, with at most that person's role. */
interface ApiTokenTable {
  id: string;
  token_sha256: string;
  user_name: string;
  /** In the person's words: what it is for. */
  purpose: string;
  role: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

interface SessionTable {
  token_sha256: string;
  user_name: string;
  created_at: number;
  expires_at: number;
}

interface AuditTable {
  row: GeneratedAlways<number>;
  at: number;
  /** A user, a device or "hub". */
  actor: string;
  action: string;
  subject: string;
  detail_json: string;
}

/** Long jobs with a lease: who holds `fencing_token` may write results, an older holder may not. */
interface JobTable {
  id: string;
  kind: string;
  project_id: string;
  state: string;
  payload_json: string;
  progress: Generated<number>;
  message: Generated<string>;
  result_json: string | null;
  lease_owner: string | null;
  lease_until: number | null;
  fencing_token: Generated<number>;
  attempts: Generated<number>;
  cancel_requested: Generated<number>;
  created_by: string;
  created_at: number;
  finished_at: number | null;
}
