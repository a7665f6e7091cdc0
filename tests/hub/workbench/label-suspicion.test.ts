import { expect, onTestFinished, test } from "vitest";
import { openShortJobs } from "../../../src/hub/jobs/open-short-jobs.ts";
import { openDatabase } from "../../../src/hub/store/database.ts";
import { AnalysisDesk } from "../../../src/hub/workbench/analysis-desk.ts";
import { SUSPICION_JOB, suspectLater, suspicionHandler } from "../../../src/hub/workbench/label-suspicion.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { MemoryImages, PROJECT, seedWorkbench } from "./seed-workbench.ts";

onBothEngines((engine) => {
  test("after labels changed, those that are probably wrong are found without anyone asking, once for all changes", async () => {
    const settings = engine.emptyDatabase();
    const database = await openDatabase(settings);
    await seedWorkbench(database, new MemoryImages(), { cases: 300, unlabelled: 10 });
    const desk = new AnalysisDesk(database, systemClock);
    const faults: unknown[] = [];
    let runs = 0;
    const look = suspicionHandler(database, desk);
    const handlers = { [SUSPICION_JOB]: (payload: Parameters<typeof look>[0]) => (runs++, look(payload)) };
    const onFault = (_kind: string, error: unknown): void => void faults.push(error);
    const jobs = openShortJobs(settings, { handlers, mostRetries: 0, firstPauseMs: 5, onFault }, systemClock);
    await desk.start();
    await jobs.start();
    onTestFinished(async () => {
      await jobs.stop();
      await desk.stop();
      await database.close();
    });
    for (let label = 0; label < 3; label++) await suspectLater(jobs, PROJECT, 500);
    const suspected = () =>
      database.query.selectFrom("cases").select("id").where("label_suspicion", "is not", null).execute();
    await expect.poll(async () => (await suspected()).length, { timeout: 30_000 }).toBeGreaterThan(0);
    const { suspects } = await desk.study(PROJECT);
    expect((await suspected()).map(({ id }) => id).sort()).toEqual(suspects.map(({ id }) => id).sort());
    expect({ runs, faults }).toEqual({ runs: 1, faults: [] });
  });
});
