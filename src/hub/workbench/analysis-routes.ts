import { z } from "zod";
import { cohensKappa } from "../../analysis/cohens-kappa.ts";
import { diagnose } from "../../analysis/diagnose.ts";
import { errorTable, jointCeiling } from "../../analysis/error-table.ts";
import type { OutcomeCell } from "../../analysis/outcome-cell.ts";
import { nextSteps } from "../../analysis/next-steps.ts";
import { scopeOf } from "../../analysis/scope.ts";
import type { Api } from "../../http/zod-provider.ts";
import { requirePerson } from "../people/require-person.ts";
import { errorCells } from "./error-cells.ts";
import { refreshSuspicions } from "./label-suspicion.ts";
import { modelVersions } from "./model-versions.ts";
import { proofCounts } from "./proof-counts.ts";
import { type ProjectRecord, requireProject } from "./project-record.ts";
import { documented, ProjectQuery, refusals } from "./route-schemas.ts";
import { labelledTwice } from "./second-labels.ts";
import type { WorkbenchParts } from "./workbench-parts.ts";

/** A curve may take minutes; nobody waits so long for an answer. */
const ANSWER_WITHIN_MS = 2000;
const tags = ["analysis"];

const TableQuery = ProjectQuery.extend({ model: z.string().max(128).optional().describe("version; else the newest") });
const CeilingQuery = z.strictObject({
  project: z.string(),
  model: z.string().max(128),
  tags: z
    .string()
    .max(20_000)
    .transform((text) => text.split("\n").filter((name) => name !== ""))
    .describe("names, a line each"),
});
const Count = z.coerce.number().int().min(0).optional();
const DiagnosisQuery = ProjectQuery.extend({
  trainErrors: Count,
  trainCases: Count,
  validationErrors: Count,
  validationCases: Count,
  testErrors: Count,
  testCases: Count,
  baseline: z.coerce.number().min(0).max(1).optional().describe("error rate that is to be reached"),
});
type DiagnosisQuery = z.infer<typeof DiagnosisQuery>;
const SuspicionReply = z.strictObject({ suspects: z.int(), cases: z.int(), estimatedWrong: z.number() });

/** Second labels below which agreement is too rough to be a baseline. */
const LEAST_PAIRS = 20;
const MOST_DISAGREEMENTS = 500;

/** What a project wants of all cases together, at the line's defect rate. */
const wantedErrorOf = ({ defectRate, maxEscape, maxOverkill }: ProjectRecord): number =>
  defectRate * maxEscape + (1 - defectRate) * maxOverkill;

async function tableOf({ database }: WorkbenchParts, project: ProjectRecord, model?: string) {
  const [{ cells, tags: known }, all] = await Promise.all([
    errorCells(database, project.id),
    modelVersions(database, project.id),
  ]);
  const names = all.map(({ version }) => version);
  const shown = model !== undefined && names.includes(model) ? names.slice(0, names.indexOf(model) + 1) : names;
  const prices = { escape: project.escapeCost, overkill: project.overkillCost };
  const table = errorTable(cells, { versions: shown, prices, confidence: 0.95 });
  return { table, versions: all, tags: known, cells };
}

async function agreementOf({ database }: WorkbenchParts, project: string) {
  const pairs = await labelledTwice(database, project);
  const agreement = cohensKappa(pairs.map(({ first, second }) => ({ first: first.label, second: second.label })));
  return { agreement, pairs };
}

/** What labelled cases tell: where the errors are, why, and what to try next. */
export function installAnalysisRoutes(api: Api, parts: WorkbenchParts): void {
  installTableRoutes(api, parts);
  installStudyRoutes(api, parts);
  installScopeRoute(api, parts);
}

function installTableRoutes(api: Api, parts: WorkbenchParts): void {
  const { database } = parts;
  api.get(
    "/api/v1/error-table",
    {
      schema: {
        summary: "Errors by tag, with shares, ceilings, costs and trends",
        tags,
        querystring: TableQuery,
        response: { 200: documented("{table, versions, tags}: the error table of one model version"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const project = await requireProject(database, request.query.project);
      const { cells: _cells, ...shown } = await tableOf(parts, project, request.query.model);
      return shown;
    },
  );

  api.get(
    "/api/v1/error-table/ceiling",
    {
      schema: {
        summary: "Accuracy if several tags together were solved; overlaps count once",
        tags,
        querystring: CeilingQuery,
        response: { 200: documented("{ceiling}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project, model, tags: names } = request.query;
      const { cells } = await errorCells(database, project);
      return { ceiling: jointCeiling(cells, names, { modelVersion: model }) };
    },
  );

  api.get(
    "/api/v1/agreement",
    {
      schema: {
        summary: "How far blind second labels agree with the first",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{agreement, disagreements}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { agreement, pairs } = await agreementOf(parts, request.query.project);
      const disagreements = pairs.filter(({ first, second }) => first.label !== second.label);
      return { agreement, matrix: matrixOf(pairs), disagreements: disagreements.slice(0, MOST_DISAGREEMENTS) };
    },
  );
}

function matrixOf(pairs: Awaited<ReturnType<typeof labelledTwice>>) {
  const cells = new Map<string, { first: string; second: string; cases: number }>();
  for (const { first, second } of pairs) {
    const key = JSON.stringify([first.label, second.label]);
    const cell = cells.get(key) ?? { first: first.label, second: second.label, cases: 0 };
    cells.set(key, { ...cell, cases: cell.cases + 1 });
  }
  return [...cells.values()];
}

function installStudyRoutes(api: Api, parts: WorkbenchParts): void {
  const { database, desk } = parts;
  api.get(
    "/api/v1/slices",
    {
      schema: {
        summary: "Where the error rate is higher: by metadata, pairs of it, and clusters of embeddings",
        description: "Every slice was found on one half of the parts and checked on the other.",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{cases, embedded, slices, clusters}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { modelVersion, cases, embedded, slices, clusters } = await desk.study(request.query.project);
      return { modelVersion, cases, embedded, slices, clusters };
    },
  );

  api.get(
    "/api/v1/diagnosis",
    {
      schema: {
        summary: "Bias, variance, mismatch; the learning curve; what to try next",
        tags,
        querystring: DiagnosisQuery,
        response: { 200: documented("{diagnosis, curve, next, basis}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return diagnosisOf(parts, request.query);
    },
  );

  api.get(
    "/api/v1/choice-curve",
    {
      schema: {
        summary: "Is the choice of frames better than chance on these cases? Ask again while it is computed",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{state: computing | done, curve, sentence}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const patience = new AbortController();
      const computing = parts.clock.sleep(ANSWER_WITHIN_MS, patience.signal).then(() => null);
      const study = await Promise.race([desk.choice(request.query.project), computing]);
      patience.abort();
      computing.catch(() => undefined);
      return study === null ? { state: "computing" } : { state: "done", ...study };
    },
  );

  api.post(
    "/api/v1/label-suspicion",
    {
      schema: {
        summary: "Look for labels that are probably wrong (confident learning, cross-validated)",
        tags,
        body: ProjectQuery,
        response: { 200: SuspicionReply, ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "labeller");
      const { project } = request.body;
      const { suspects, embedded, estimatedWrong } = await refreshSuspicions(database, desk, project);
      return { suspects: suspects.length, cases: embedded, estimatedWrong };
    },
  );
}

const countOf = (errors: number | undefined, cases: number | undefined) =>
  errors === undefined || cases === undefined || cases === 0 || errors > cases ? undefined : { errors, cases };

/** The counts of what the study looked at, so that shares of both are of the same cases. */
function tableOfStudy(cells: readonly OutcomeCell[], version: string | null, project: ProjectRecord) {
  const same = version === null ? cells.map((cell) => ({ ...cell, modelVersion: "all" })) : cells;
  const prices = { escape: project.escapeCost, overkill: project.overkillCost };
  return errorTable(same, { versions: [version ?? "all"], prices });
}

async function diagnosisOf(parts: WorkbenchParts, query: DiagnosisQuery) {
  const project = await requireProject(parts.database, query.project);
  const [{ table, cells }, { agreement }, study] = await Promise.all([
    tableOf(parts, project),
    agreementOf(parts, project.id),
    parts.desk.study(project.id),
  ]);
  const proof = table.modelVersion === null ? null : await proofCounts(parts.database, project.id, table.modelVersion);
  const human = agreement.pairs >= LEAST_PAIRS;
  const baseline =
    query.baseline ?? (human ? { errors: agreement.humanError.hits, cases: agreement.pairs } : wantedErrorOf(project));
  const splits = Object.fromEntries(
    Object.entries({
      train: countOf(query.trainErrors, query.trainCases),
      validation: countOf(query.validationErrors, query.validationCases),
      production: proof === null ? undefined : countOf(proof.errors, proof.parts),
      test: countOf(query.testErrors, query.testCases),
    }).filter(([, count]) => count !== undefined),
  );
  const diagnosis = diagnose({ baseline, splits });
  const next = nextSteps({
    task: "images",
    table: tableOfStudy(cells, study.modelVersion, project),
    diagnosis,
    curve: study.curve,
    slices: study.slices,
    clusters: study.clusters,
    labels: { suspects: study.suspects.length, suspectedErrors: study.suspectedErrors, cases: study.embedded },
    agreement: agreement.pairs === 0 ? null : agreement,
    wantedError: wantedErrorOf(project),
  });
  const from = query.baseline !== undefined ? "given" : human ? "agreement" : "target";
  const basis = {
    modelVersion: table.modelVersion,
    baselineFrom: from,
    pairs: agreement.pairs,
    proof,
    cases: study.cases,
    embedded: study.embedded,
  };
  return { diagnosis, curve: study.curve, next, basis };
}

function installScopeRoute(api: Api, parts: WorkbenchParts): void {
  api.get(
    "/api/v1/projects/:id",
    {
      schema: {
        summary: "A project's scope: what its data can prove, and what is missing",
        tags: ["projects"],
        params: z.strictObject({ id: z.string() }),
        response: { 200: documented("{scope, counts, modelVersion, totals}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const project = await requireProject(parts.database, request.params.id);
      const { table } = await tableOf(parts, project);
      const none = { defectiveParts: 0, escapes: 0, goodParts: 0, overkills: 0, parts: 0, errors: 0 };
      const counts =
        table.modelVersion === null ? none : await proofCounts(parts.database, project.id, table.modelVersion);
      const { maxEscape, maxOverkill, taktMs } = project;
      const stated = maxEscape > 0 && maxOverkill > 0 && maxEscape < 1 && maxOverkill < 1 && taktMs > 0;
      return {
        scope: stated ? scopeOf({ ...project, ...counts }) : null,
        counts,
        modelVersion: table.modelVersion,
        totals: { cases: table.cases, errors: table.errors, undecided: table.undecided, faults: table.faults },
      };
    },
  );
}
