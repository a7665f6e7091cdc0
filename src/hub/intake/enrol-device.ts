import type { EnrolReply } from "../../contracts/hub-case.ts";
import { recordAudit } from "../people/audit.ts";
import { digestOf, makeReadableSecret, makeToken } from "../people/secret-token.ts";
import type { Database } from "../store/database.ts";
import type { Act } from "../people/accounts.ts";

/** 4 words of 4 letters: 79 bits, for a day or so. */
const CODE_WORDS = 4;

export interface NewCode {
  readonly device: string;
  readonly project: string;
  readonly line: string;
  readonly hours: number;
}

/** A code is good for one enrolment of one device. It is returned this once; the database has its digest. */
export async function makeEnrolmentCode(
  database: Database,
  { device, project, line, hours }: NewCode,
  { by, at }: Act,
): Promise<{ readonly code: string; readonly expiresAt: number }> {
  const code = makeReadableSecret(CODE_WORDS);
  const expiresAt = at + hours * 3_600_000;
  await database.query.transaction().execute(async (rows) => {
    await rows
      .insertInto("enrolment_codes")
      .values({
        ...{ code_sha256: digestOf(code), device_id: device, project_id: project, line },
        ...{ created_by: by, created_at: at, expires_at: expiresAt, used_at: null },
      })
      .execute();
    const detail = { project, line, expiresAt };
    await recordAudit(rows, { at, actor: by, action: "make enrolment code", subject: device, detail });
  });
  return { code, expiresAt };
}

export interface DeviceLimits {
  readonly dailyCases: number;
  readonly dailyBytes: number;
}

/**
 * A credential for a code; null where the code is unknown, used or over. A device that was enrolled before gets a new
 * credential, keeps its limits, and its old credential ends.
 */
export async function enrolDevice(
  database: Database,
  code: string,
  { at, limits }: { readonly at: number; readonly limits: DeviceLimits },
): Promise<EnrolReply | null> {
  const credential = makeToken("sldc");
  return database.query.transaction().execute(async (rows) => {
    const used = await rows
      .updateTable("enrolment_codes")
      .set({ used_at: at })
      .where("code_sha256", "=", digestOf(code.trim().toUpperCase()))
      .where("used_at", "is", null)
      .where("expires_at", ">", at)
      .returning(["device_id", "project_id", "line"])
      .executeTakeFirst();
    if (used === undefined) return null;
    const { device_id: device, project_id: project, line } = used;
    const enrolled = {
      ...{ project_id: project, line, credential_sha256: digestOf(credential) },
      ...{ enrolled_at: at, revoked_at: null },
    };
    await rows
      .insertInto("devices")
      .values({
        ...{ id: device, ...enrolled, last_seen_at: null },
        ...{ daily_cases: limits.dailyCases, daily_bytes: limits.dailyBytes },
      })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(enrolled))
      .execute();
    const detail = { project, line };
    await recordAudit(rows, { at, actor: `device:${device}`, action: "enrol device", subject: device, detail });
    return { device, project, line, credential };
  });
}
