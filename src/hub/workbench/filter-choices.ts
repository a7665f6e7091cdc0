import { z } from "zod";
import type { Database } from "../store/database.ts";

export const FilterChoicesBody = z.strictObject({
  devices: z.array(z.string()),
  lines: z.array(z.string()),
  models: z.array(z.string()).describe("versions, the newest first"),
  metadata: z.record(z.string(), z.array(z.string())).describe("values by key, of the newest cases"),
});
export type FilterChoices = z.infer<typeof FilterChoicesBody>;

/** Values that came up lately are offered; any other can be typed. Looking at all cases would cost more with each of them. */
const LOOKED_AT = 1000;
const MOST_VALUES = 50;

export async function filterChoices(database: Database, project: string): Promise<FilterChoices> {
  const enrolled = await database.query
    .selectFrom("devices")
    .select(["id", "line"])
    .where("project_id", "=", project)
    .execute();
  const counted = await database.query
    .selectFrom("outcome_counts")
    .select("model_version")
    .distinct()
    .where("project_id", "=", project)
    .execute();
  const newest = await database.query
    .selectFrom("cases")
    .select(["device_id", "line", "model_version", "metadata_json"])
    .where("project_id", "=", project)
    .orderBy("captured_at", "desc")
    .limit(LOOKED_AT)
    .execute();
  const sorted = (values: Iterable<string>): string[] => [...new Set(values)].filter((value) => value !== "").sort();
  return {
    devices: sorted([...enrolled.map(({ id }) => id), ...newest.map(({ device_id }) => device_id)]),
    lines: sorted([...enrolled.map(({ line }) => line), ...newest.map(({ line }) => line)]),
    models: sorted([
      ...counted.map(({ model_version }) => model_version),
      ...newest.map(({ model_version }) => model_version),
    ]).toReversed(),
    metadata: metadataValues(newest.map(({ metadata_json }) => metadata_json)),
  };
}

function metadataValues(texts: readonly string[]): Record<string, string[]> {
  const values = new Map<string, Set<string>>();
  for (const text of texts) {
    for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
      const known = values.get(key) ?? new Set();
      if (known.size < MOST_VALUES) known.add(String(value));
      values.set(key, known);
    }
  }
  return Object.fromEntries([...values].sort().map(([key, known]) => [key, [...known].sort()]));
}
