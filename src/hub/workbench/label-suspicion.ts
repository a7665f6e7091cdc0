import type { SuspectedLabel } from "../../analysis/suspected-labels.ts";
import type { ShortJobHandler, ShortJobs } from "../jobs/short-jobs.ts";
import type { Database } from "../store/database.ts";
import type { AnalysisDesk } from "./analysis-desk.ts";
import type { Suspicions } from "./study.ts";

export const SUSPICION_JOB = "label-suspicion";

/** Looks for labels that are probably wrong, and keeps what it found for the gallery's order "suspicion". */
export async function refreshSuspicions(database: Database, desk: AnalysisDesk, project: string): Promise<Suspicions> {
  const found = await desk.suspicions(project);
  await writeSuspicions(database, project, found.suspects);
  return found;
}

export const suspicionHandler =
  (database: Database, desk: AnalysisDesk): ShortJobHandler =>
  async ({ project }) => {
    if (typeof project === "string") await refreshSuspicions(database, desk, project);
  };

/** Labels of a project changed: a while from now, once for all that change until then. */
export const suspectLater = (jobs: ShortJobs, project: string, afterMs: number): Promise<void> =>
  jobs.send(SUSPICION_JOB, { project }, { key: project, afterMs });

/** Writes the newest suspicions over those before. */
async function writeSuspicions(
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
