import { sql } from "kysely";
import { facetOf } from "../cases/facets.ts";
import { countCases } from "../cases/find-cases.ts";
import { listVersions } from "../datasets/dataset-versions.ts";
import type { LeaseTable } from "../jobs/lease-table.ts";
import { activeModel, listModels, modelById } from "../models/model-versions.ts";
import { type FleetDevice, fleetOf } from "../releases/device-reports.ts";
import { gatesOfModel, type Judgements } from "../releases/gate-facts.ts";
import { listReleases } from "../releases/releases.ts";
import type { Database } from "../store/database.ts";
import { TRAIN } from "../training/training-wish.ts";
import type { LoopFacts } from "./loop-steps.ts";

export interface LoopParts {
  readonly database: Database;
  readonly table: Pick<LeaseTable, "list">;
  readonly judgements: Judgements;
}

const MOST_COUNTED = 10_000;
const MOST_JOBS = 50;
const MOST_LABELS = 2000;

/** What the records of a project say of its loop. */
export async function loopFacts({ database, table, judgements }: LoopParts, project: string): Promise<LoopFacts> {
  const [fleet, unlabelled, labelled, caseAt, labels, versions, jobs, models, releases, active] = await Promise.all([
    fleetOf(database, project),
    countCases(database, { project, labelled: false }, { atMost: MOST_COUNTED }),
    countCases(database, { project, labelled: true }, { atMost: MOST_COUNTED }),
    newestCaseAt(database, project),
    newestLabels(database, project),
    listVersions(database, { project, limit: 1 }),
    table.list(project, MOST_JOBS),
    listModels(database, project, MOST_JOBS),
    listReleases(database, { project, limit: 1 }),
    activeModel(database, project),
  ]);
  const alarm = fleet
    .flatMap(({ alarms }) => alarms)
    .toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at))[0];
  const turnBeganAt = await beginningOfTurn(database, project, fleet);
  const run = jobs.find(({ kind }) => kind === TRAIN);
  const trained = models.find(({ origin }) => origin === "trained");
  const [release] = releases;
  const [dataset] = versions;
  const gates = trained === undefined ? [] : await gatesOfModel(database, judgements, trained);
  return {
    devices: fleet.length,
    alarm:
      alarm === undefined
        ? null
        : { device: alarm.device, at: Date.parse(alarm.at), sentence: alarm.sentence, seen: alarm.seenAt !== null },
    cases: { unlabelled: unlabelled.count, labelled: labelled.count, newestAt: caseAt },
    turnBeganAt,
    newestLabelAt: labels.length === 0 ? null : Math.max(...labels.map(({ at }) => at)),
    dataset: dataset === undefined ? null : { name: dataset.name, at: dataset.createdAt, cases: dataset.cases },
    run:
      run === undefined
        ? null
        : {
            ...{ state: run.state, at: run.createdAt, message: run.message, progress: run.progress },
            finishedAt: run.finishedAt,
          },
    candidate:
      trained === undefined
        ? null
        : {
            ...{ version: trained.version, at: trained.createdAt },
            closedGates: gates.filter(({ passed }) => !passed).map(({ name }) => name),
            judged: trained !== undefined && (await judgements.judged(trained.id, project)) !== null,
          },
    release:
      release === undefined
        ? null
        : {
            version: (await modelById(database, release.modelId))?.version ?? "",
            ...{ state: release.state, stage: release.stage, sentence: release.sentence, at: release.createdAt },
          },
    active: active === null ? null : { name: active.name, version: active.version },
  };
}

/**
 * When the present turn of the loop began, or the last one where none is under way: the first of the alarms that came since
 * the release before them was done. Null: there was none.
 */
async function beginningOfTurn(
  database: Database,
  project: string,
  fleet: readonly FleetDevice[],
): Promise<number | null> {
  const alarms = fleet.flatMap(({ alarms: own }) => own.map(({ at }) => Date.parse(at)));
  if (alarms.length === 0) return null;
  const newest = Math.max(...alarms);
  const done = await listReleases(database, { project, states: ["done"], limit: MOST_JOBS });
  const before = Math.max(0, ...done.map(({ createdAt }) => createdAt).filter((at) => at < newest));
  return Math.min(...alarms.filter((at) => at > before));
}

async function newestCaseAt({ query }: Database, project: string): Promise<number | null> {
  const newest = query.selectFrom("cases").select("received_at").where("project_id", "=", project);
  return (await newest.orderBy("row", "desc").limit(1).executeTakeFirst())?.received_at ?? null;
}

/** Of the newest labels of the hub, those of a project, the newest first. */
async function newestLabels({ query }: Database, project: string): Promise<{ by: string; at: number }[]> {
  const newest = query
    .selectFrom("labels")
    .select(["case_row", "by_user", "at"])
    .orderBy("row", "desc")
    .limit(MOST_LABELS);
  const rows = await query
    .selectFrom(newest.as("newest"))
    .innerJoin("cases", "cases.row", "newest.case_row")
    .select(["newest.by_user", "newest.at"])
    .where("cases.project_id", "=", project)
    .execute();
  return rows.map(({ by_user: by, at }) => ({ by, at }));
}

/** Who labels, the busiest first. */
export async function labellersOf(database: Database, project: string): Promise<string[]> {
  const counts = new Map<string, number>();
  for (const { by } of await newestLabels(database, project)) counts.set(by, (counts.get(by) ?? 0) + 1);
  return [...counts].toSorted(([, one], [, other]) => other - one).map(([name]) => name);
}

/** Labelled parts of the random audit in a stretch of time, one count a part, by the model that judged them. */
export interface LoopStretch {
  readonly modelVersion: string;
  /** Unix ms, inclusive; null: from the first. */
  readonly from: number | null;
  /** Unix ms, exclusive; null: until now. */
  readonly to: number | null;
  readonly defectiveParts: number;
  readonly escapes: number;
  readonly goodParts: number;
  readonly overkills: number;
}

const MOST_LOOKED_AT = 50_000;
const MOST_STRETCHES = 6;

/**
 * The newest model versions with labelled audits, each cut at `cutAt` (the newest alarm) where it judged on both sides of it;
 * the oldest stretch first.
 */
export async function loopStretches(
  database: Database,
  project: string,
  cutAt: number | null,
): Promise<readonly LoopStretch[]> {
  const cut = cutAt ?? 0;
  const { rows } = await sql<Row>`
    SELECT cases.model_version AS version, CASE WHEN cases.captured_at >= ${cut} THEN 1 ELSE 0 END AS late,
      cases.label_defect AS defect, cases.outcome AS outcome, count(DISTINCT cases.part) AS parts,
      min(cases.captured_at) AS first
    FROM (SELECT case_row FROM case_facets WHERE facet = ${facetOf(project, "labelled", "yes")}
      ORDER BY case_row DESC LIMIT ${MOST_LOOKED_AT}) AS labelled
    JOIN case_facets AS audit ON audit.facet = ${facetOf(project, "reason", "audit")} AND audit.case_row = labelled.case_row
    JOIN cases ON cases.row = labelled.case_row
    WHERE cases.outcome NOT IN ('undecided', 'fault')
    GROUP BY cases.model_version, late, cases.label_defect, cases.outcome`.execute(database.query);
  const keys = [...new Set(rows.map(keyOf))];
  const firstOf = (key: string): number =>
    Math.min(...rows.filter((row) => keyOf(row) === key).map(({ first }) => Number(first)));
  const newest = keys.toSorted((one, other) => firstOf(one) - firstOf(other)).slice(-MOST_STRETCHES);
  return newest.map((key) => {
    const own = rows.filter((row) => keyOf(row) === key);
    const sum = (fits: (row: Row) => boolean): number =>
      own.filter(fits).reduce((total, { parts }) => total + Number(parts), 0);
    const isLate = own[0]?.late === 1;
    return {
      modelVersion: own[0]?.version ?? "",
      from: cutAt !== null && isLate ? cutAt : null,
      to: cutAt !== null && !isLate ? cutAt : null,
      defectiveParts: sum(({ defect }) => Number(defect) === 1),
      escapes: sum(({ outcome }) => outcome === "escape"),
      goodParts: sum(({ defect }) => Number(defect) === 0),
      overkills: sum(({ outcome }) => outcome === "overkill"),
    };
  });
}

interface Row {
  readonly version: string;
  readonly late: number;
  readonly defect: number;
  readonly outcome: string;
  readonly parts: number;
  readonly first: number;
}

const keyOf = ({ version, late }: Row): string => `${version} ${late}`;
