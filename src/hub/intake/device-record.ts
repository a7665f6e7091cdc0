import type { Database } from "../store/database.ts";
import { digestOf } from "../people/secret-token.ts";

/** A device that showed its credential. */
export interface KnownDevice {
  readonly id: string;
  readonly project: string;
  readonly line: string;
  readonly dailyCases: number;
  readonly dailyBytes: number;
}

/** `revoked`: it was known once. */
export async function deviceOf(database: Database, credential: string): Promise<KnownDevice | "revoked" | "unknown"> {
  const found = await database.query
    .selectFrom("devices")
    .selectAll()
    .where("credential_sha256", "=", digestOf(credential))
    .executeTakeFirst();
  if (found === undefined) return "unknown";
  if (found.revoked_at !== null) return "revoked";
  return {
    id: found.id,
    project: found.project_id,
    line: found.line,
    dailyCases: found.daily_cases,
    dailyBytes: found.daily_bytes,
  };
}
