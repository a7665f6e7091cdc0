import type { SuspectedLabel } from "../../analysis/suspected-labels.ts";
import type { Database } from "../store/database.ts";

/** Writes the newest suspicions over those before; the gallery's order "suspicion" reads them. */
export async function writeSuspicions(
  database: Database,
  project: string,
  suspects: readonly SuspectedLabel[],
): Promise<void> {
  await database.query.transaction().execute(async (transaction) => {
    await transaction
      .updateTable("cases")
      .set({ label_suspicion: null })
      .where("project_id", "=", project)
      .where("label_suspicion", "is not", null)
      .execute();
    for (const { id, label, suspicion } of suspects) {
      await transaction
        .updateTable("cases")
        .set({ label_suspicion: suspicion })
        .where("id", "=", id)
        .where("label", "=", label) // labelled anew meanwhile: it was of the label before
        .execute();
    }
  });
}

/** A person has looked at the label again and kept it. */
export async function clearSuspicion(database: Database, caseId: string): Promise<void> {
  await database.query.updateTable("cases").set({ label_suspicion: null }).where("id", "=", caseId).execute();
}
