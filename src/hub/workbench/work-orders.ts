import { randomUUID } from "node:crypto";
import type { Selectable } from "kysely";
import { z } from "zod";
import { STEP_KINDS } from "../../analysis/step-assumptions.ts";
import { tagTrend } from "../../analysis/tag-trend.ts";
import { tallyOutcomes } from "../../analysis/tally-outcomes.ts";
import { shareDifference, type Share, type ShareDifference } from "../../statistics/shares.ts";
import { CollectRule } from "../intake/device-orders.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import type { ErrorCells } from "./error-cells.ts";
import type { ModelVersion } from "./model-versions.ts";

export const ORDER_STATES = ["open", "done", "dropped"] as const;

export const NewWorkOrder = z
  .strictObject({
    project: z.string(),
    tagId: z.int().nullable().default(null),
    kind: z.enum(STEP_KINDS),
    title: z.string().trim().min(1).max(200),
    detail: z.string().max(10_000).default(""),
    owner: z.string().max(64).default(""),
    expectedGain: z
      .number()
      .min(-1)
      .max(1)
      .nullable()
      .default(null)
      .describe("share of all judged cases no longer wrong"),
    samplingRule: CollectRule.nullable().default(null).describe("for collect: what devices send"),
  })
  .refine(({ kind, samplingRule }) => samplingRule === null || kind === "collect", "only collect has a sampling rule");
export type NewWorkOrder = z.infer<typeof NewWorkOrder>;

export const WorkOrderChange = z
  .strictObject({
    title: z.string().trim().min(1).max(200),
    detail: z.string().max(10_000),
    owner: z.string().max(64),
    status: z.enum(ORDER_STATES),
    expectedGain: z.number().min(-1).max(1).nullable(),
  })
  .partial();
export type WorkOrderChange = z.infer<typeof WorkOrderChange>;

/** Errors per judged case before the order was opened and after it, of its tag or of all. */
export interface MeasuredGain {
  readonly before: { readonly modelVersion: string; readonly errorRate: Share };
  readonly after: { readonly modelVersion: string; readonly errorRate: Share };
  /** After less before: negative where it helped. */
  readonly change: ShareDifference;
}

export interface WorkOrder extends Omit<NewWorkOrder, "project"> {
  readonly id: string;
  readonly project: string;
  readonly status: string;
  /** As it stood when the order was closed; null: open, or no newer model by then. */
  readonly measuredGain: number | null;
  /** As it stands now; null: no model newer than the order has labelled cases yet. */
  readonly measured: MeasuredGain | null;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly closedAt: number | null;
}

/**
 * What an order brought: the model versions that arrived after it was opened against the one before. It is what happened
 * meanwhile, not proof of the cause: two orders on one tag share it.
 */
export function measuredGain(
  order: { readonly tagId: number | null; readonly createdAt: number },
  { cells, tags }: ErrorCells,
  versions: readonly ModelVersion[],
): MeasuredGain | null {
  const before = versions.filter(({ since }) => since <= order.createdAt).at(-1);
  const after = versions.at(-1);
  if (before === undefined || after === undefined || before.version === after.version) return null;
  const tag = order.tagId === null ? null : (tags.find(({ id }) => id === order.tagId)?.name ?? null);
  if (order.tagId !== null && tag === null) return null;
  const trend = tagTrend(tallyOutcomes(cells), [before.version, after.version], tag);
  const [first, last] = trend?.versions ?? [];
  if (first === undefined || last === undefined) return null;
  return { before: first, after: last, change: shareDifference(last.errorRate, first.errorRate) };
}

export async function listWorkOrders(
  database: Database,
  project: string,
  facts: ErrorCells & { readonly versions: readonly ModelVersion[] },
): Promise<WorkOrder[]> {
  const found = await database.query
    .selectFrom("work_orders")
    .selectAll()
    .where("project_id", "=", project)
    .orderBy("created_at", "desc")
    .orderBy("id")
    .execute();
  return found.map((row) => {
    const order = orderOf(row);
    return { ...order, measured: measuredGain(order, facts, facts.versions) };
  });
}

const orderOf = (row: Selectable<Tables["work_orders"]>): Omit<WorkOrder, "measured"> => ({
  id: row.id,
  project: row.project_id,
  tagId: row.tag_id,
  kind: row.kind as WorkOrder["kind"],
  title: row.title,
  detail: row.detail,
  owner: row.owner,
  status: row.status,
  expectedGain: row.expected_gain,
  measuredGain: row.measured_gain,
  samplingRule: row.sampling_rule_json === null ? null : CollectRule.parse(JSON.parse(row.sampling_rule_json)),
  createdBy: row.created_by,
  createdAt: row.created_at,
  closedAt: row.closed_at,
});

export async function createWorkOrder(
  database: Database,
  order: NewWorkOrder,
  { by, at }: { readonly by: string; readonly at: number },
): Promise<string> {
  const id = randomUUID();
  await database.query
    .insertInto("work_orders")
    .values({
      id,
      project_id: order.project,
      tag_id: order.tagId,
      kind: order.kind,
      title: order.title,
      detail: order.detail,
      owner: order.owner,
      status: "open",
      expected_gain: order.expectedGain,
      measured_gain: null,
      sampling_rule_json: order.samplingRule === null ? null : JSON.stringify(order.samplingRule),
      created_by: by,
      created_at: at,
      closed_at: null,
    })
    .execute();
  return id;
}

/** The order before the change; null: there is no such order. Closing keeps what it is measured to have brought. */
export async function changeWorkOrder(
  database: Database,
  id: string,
  change: WorkOrderChange,
  {
    at,
    measure,
  }: { readonly at: number; readonly measure: (order: Omit<WorkOrder, "measured">) => Promise<MeasuredGain | null> },
): Promise<boolean> {
  const row = await database.query.selectFrom("work_orders").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) return false;
  const order = orderOf(row);
  const status = change.status ?? order.status;
  const closing = status !== "open" && order.closedAt === null;
  const measured = closing ? await measure(order) : null;
  await database.query
    .updateTable("work_orders")
    .set({
      title: change.title ?? order.title,
      detail: change.detail ?? order.detail,
      owner: change.owner ?? order.owner,
      status,
      expected_gain: change.expectedGain === undefined ? order.expectedGain : change.expectedGain,
      measured_gain: status === "open" ? null : closing ? negated(measured) : order.measuredGain,
      closed_at: status === "open" ? null : (order.closedAt ?? at),
    })
    .where("id", "=", id)
    .execute();
  return true;
}

const negated = (measured: MeasuredGain | null): number | null =>
  measured === null ? null : -measured.change.difference;
