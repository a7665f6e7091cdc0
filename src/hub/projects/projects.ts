import { z } from "zod";
import type { Act } from "../people/accounts.ts";
import { recordAudit } from "../people/audit.ts";
import type { Database } from "../store/database.ts";

const Rate = z.number().min(0).max(1);
const ProjectClass = z.strictObject({ name: z.string().min(1).max(64), kind: z.enum(["good", "defect"]) });

const fields = {
  name: z.string().min(1).max(128),
  problem: z.string().max(10_000).describe("what is to be found, and why"),
  classes: z.array(ProjectClass).max(64).describe("in the order of the label keys"),
  maxEscape: Rate.describe("highest tolerable share of defective parts that pass"),
  maxOverkill: Rate.describe("highest tolerable share of good parts that are rejected"),
  confidence: z.number().gt(0.5).lt(1).describe("with which that is to be proven"),
  taktMs: z.number().min(0).describe("time a part"),
  partsPerDay: z.number().min(0),
  defectRate: Rate.describe("of the line"),
  escapeCost: z.number().min(0).describe("money a part"),
  overkillCost: z.number().min(0).describe("money a part"),
  currency: z.string().max(8),
};

export const ProjectBody = z.strictObject({ id: z.string(), ...fields, createdAt: z.int() });
export type ProjectBody = z.infer<typeof ProjectBody>;

export const NewProject = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "small letters, digits and dashes, at most 64"),
  ...fields,
  problem: fields.problem.default(""),
  classes: fields.classes.default([]),
  maxEscape: fields.maxEscape.default(0.01),
  maxOverkill: fields.maxOverkill.default(0.05),
  confidence: fields.confidence.default(0.95),
  taktMs: fields.taktMs.default(0),
  partsPerDay: fields.partsPerDay.default(0),
  defectRate: fields.defectRate.default(0),
  escapeCost: fields.escapeCost.default(0),
  overkillCost: fields.overkillCost.default(0),
  currency: fields.currency.default("EUR"),
});
export type NewProject = z.infer<typeof NewProject>;

export const ProjectChange = z.strictObject(fields).partial();
export type ProjectChange = z.infer<typeof ProjectChange>;

const columnsOf = (project: z.infer<typeof NewProject>) => ({
  name: project.name,
  problem: project.problem,
  classes_json: JSON.stringify(project.classes),
  max_escape: project.maxEscape,
  max_overkill: project.maxOverkill,
  confidence: project.confidence,
  takt_ms: project.taktMs,
  parts_per_day: project.partsPerDay,
  defect_rate: project.defectRate,
  escape_cost: project.escapeCost,
  overkill_cost: project.overkillCost,
  currency: project.currency,
});

export async function listProjects(database: Database): Promise<ProjectBody[]> {
  const found = await database.query.selectFrom("projects").selectAll().orderBy("id").execute();
  return found.map((project) => ({
    id: project.id,
    name: project.name,
    problem: project.problem,
    classes: z.array(ProjectClass).parse(JSON.parse(project.classes_json)),
    maxEscape: project.max_escape,
    maxOverkill: project.max_overkill,
    confidence: project.confidence,
    taktMs: project.takt_ms,
    partsPerDay: project.parts_per_day,
    defectRate: project.defect_rate,
    escapeCost: project.escape_cost,
    overkillCost: project.overkill_cost,
    currency: project.currency,
    createdAt: project.created_at,
  }));
}

/** False where its id or name is taken. */
export async function createProject(database: Database, project: NewProject, { by, at }: Act): Promise<boolean> {
  return database.query.transaction().execute(async (rows) => {
    const made = await rows
      .insertInto("projects")
      .values({ id: project.id, ...columnsOf(project), created_at: at })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (made.numInsertedOrUpdatedRows === 0n) return false;
    await recordAudit(rows, { at, actor: by, action: "begin project", subject: project.id });
    return true;
  });
}

export async function changeProject(
  database: Database,
  id: string,
  change: ProjectChange,
  { by, at }: Act,
): Promise<"changed" | "unknown" | "name taken"> {
  const projects = await listProjects(database);
  const before = projects.find((project) => project.id === id);
  if (before === undefined) return "unknown";
  if (projects.some((project) => project.id !== id && project.name === change.name)) return "name taken";
  const after = { ...before, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) };
  await database.query.transaction().execute(async (rows) => {
    await rows.updateTable("projects").set(columnsOf(after)).where("id", "=", id).execute();
    await recordAudit(rows, { at, actor: by, action: "change project", subject: id, detail: change });
  });
  return "changed";
}
