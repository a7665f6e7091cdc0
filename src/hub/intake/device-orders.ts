import { sql } from "kysely";
import { z } from "zod";
import { type DeviceOrders, SamplingRule } from "../../contracts/hub-case.ts";
import type { Database } from "../store/database.ts";
import type { KnownDevice } from "./device-record.ts";

/** `sampling_rule_json` of a work order of kind "collect": what to send, and who. Id and title are the work order's. */
export const CollectRule = z.object({
  ...SamplingRule.omit({ id: true, title: true }).shape,
  devices: z.array(z.string()).default([]).describe("empty: every device of the project"),
});
export type CollectRule = z.infer<typeof CollectRule>;

/** What open work orders ask of this device now: those that are over or have what they wanted are left out. */
export async function ordersFor(database: Database, device: KnownDevice, at: number): Promise<DeviceOrders> {
  const orders = await database.query
    .selectFrom("work_orders")
    .select(["id", "title", "sampling_rule_json", "created_at"])
    .where("project_id", "=", device.project)
    .where("kind", "=", "collect")
    .where("status", "=", "open")
    .where("closed_at", "is", null)
    .where("sampling_rule_json", "is not", null)
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  const rules: SamplingRule[] = [];
  for (const { id, title, sampling_rule_json: json, created_at: since } of orders) {
    const { devices, ...rule } = CollectRule.parse(JSON.parse(json ?? "null"));
    if (rule.until <= at || (devices.length > 0 && !devices.includes(device.id))) continue;
    const left = rule.wanted - (await collected(database, device.project, { devices, rule, since }));
    if (left > 0) rules.push({ id, title, ...rule, wanted: left });
  }
  const { dailyCases, dailyBytes } = device;
  const labels = await labelledCases(database, device.project);
  return { schema: 1, rules, limits: { dailyCases, dailyBytes }, labels };
}

async function labelledCases({ query }: Database, project: string): Promise<number> {
  const { labels } = await query
    .selectFrom("outcome_counts")
    .select(({ fn }) => fn.coalesce(fn.sum<number>("cases"), sql<number>`0`).as("labels"))
    .where("project_id", "=", project)
    .executeTakeFirstOrThrow();
  return Number(labels);
}

interface Collecting {
  readonly devices: readonly string[];
  readonly rule: Pick<SamplingRule, "where" | "wanted">;
  readonly since: number;
}

/** Cases captured since the order was opened that fit its conditions, counted up to what is wanted. */
async function collected(database: Database, project: string, { devices, rule, since }: Collecting): Promise<number> {
  const { verdicts, classes, minScore, maxScore, metadata } = rule.where;
  let fitting = database.query
    .selectFrom("cases")
    .select("row")
    .where("project_id", "=", project)
    .where("captured_at", ">=", since)
    .limit(rule.wanted);
  if (devices.length > 0) fitting = fitting.where("device_id", "in", devices);
  if (verdicts !== undefined) fitting = fitting.where("verdict", "in", verdicts);
  if (classes !== undefined) fitting = fitting.where("class", "in", classes);
  if (minScore !== undefined) fitting = fitting.where("ng_score", ">=", minScore);
  if (maxScore !== undefined) fitting = fitting.where("ng_score", "<=", maxScore);
  for (const [key, value] of Object.entries(metadata ?? {})) {
    fitting = fitting.where("row", "in", (has) =>
      has.selectFrom("case_metadata").select("case_row").where("key", "=", key).where("value", "=", value),
    );
  }
  const { count } = await database.query
    .selectFrom(fitting.as("fitting"))
    .select(sql<number>`COUNT(*)`.as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}
