import { errorTable } from "../../analysis/error-table.ts";
import type { CaseFilter } from "../../hub/cases/case-filter.ts";
import { countCases, findCases } from "../../hub/cases/find-cases.ts";
import { outcomeCounts } from "../../hub/cases/outcome-counts.ts";
import { type SimilarityIndex, similarCases } from "../../hub/cases/similar-cases.ts";
import { listTags } from "../../hub/cases/tag-cases.ts";
import type { Database } from "../../hub/store/database.ts";
import type { Clock } from "../../platform/clock.ts";
import { seededRandom } from "../../platform/random.ts";
import { capturedAtOf, caseIdOf, CASES_A_LOT, CLASSES, DEVICES, LINES, PROJECT, SHIFTS } from "./hub-cases.ts";
import { percentile } from "./throughput.ts";

const PAGE = 60;
const MOST_COUNTED = 10_000;
const SIMILAR = 12;
const DAY_MS = 86_400_000;
/** Not measured: caches fill. */
const WARM_UP = 20;

/** What people ask of the hub. */
export const QUESTIONS = ["filter", "page", "rare combination", "count", "error table", "similar cases"] as const;
export type Question = (typeof QUESTIONS)[number];

export interface Times {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface Asked {
  readonly database: Database;
  readonly similarity: SimilarityIndex;
  readonly clock: Clock;
  /** Cases in the database. */
  readonly cases: number;
  readonly runs: number;
}

/** p50 and p95 of every question, asked `runs` times with random values. */
export async function askQuestions(asked: Asked): Promise<Record<Question, Times>> {
  const random = seededRandom(asked.cases);
  const times = {} as Record<Question, Times>;
  for (const question of QUESTIONS) {
    const spans: number[] = [];
    for (let run = -WARM_UP; run < asked.runs; run++) {
      const ask = prepare(question, asked, random);
      const startTick = asked.clock.tick();
      await ask();
      if (run >= 0) spans.push(asked.clock.tick() - startTick);
    }
    times[question] = { p50Ms: percentile(spans, 0.5), p95Ms: percentile(spans, 0.95) };
  }
  return times;
}

function prepare(question: Question, asked: Asked, random: () => number): () => Promise<unknown> {
  const { database, similarity, cases } = asked;
  const somewhere = Math.floor(random() * cases);
  if (question === "filter") {
    const filter = someFilter(cases, random);
    return () => findCases(database, filter, { limit: PAGE });
  }
  if (question === "page")
    return () => findCases(database, { project: PROJECT }, { limit: PAGE, beforeRow: somewhere });
  if (question === "rare combination") {
    const filter = rareFilter(random);
    return () => findCases(database, filter, { limit: PAGE });
  }
  if (question === "count") {
    const filter = someFilter(cases, random);
    return () => countCases(database, filter, { atMost: MOST_COUNTED });
  }
  if (question === "similar cases") return () => similarCases(similarity, caseIdOf(somewhere), SIMILAR);
  return () => readErrorTable(database);
}

/** As the workbench makes it: counts, names of tags, the table. */
async function readErrorTable(database: Database): Promise<void> {
  const [counts, tags] = [await outcomeCounts(database, PROJECT), await listTags(database, PROJECT)];
  const nameOf = new Map(tags.map(({ id, name }) => [id, name]));
  errorTable(
    counts.map(({ tagIds, ...cell }) => ({ ...cell, tags: tagIds.map((id) => nameOf.get(id) ?? String(id)) })),
    { prices: { escape: 100, overkill: 1 } },
  );
}

type Condition = Omit<CaseFilter, "project">;

/** One or two conditions of those that people use. */
function someFilter(cases: number, random: () => number): CaseFilter {
  const below = (count: number): number => Math.floor(random() * count);
  const from = capturedAtOf(below(cases));
  const conditions: readonly Condition[] = [
    { devices: [`camera-${below(DEVICES)}`] },
    { devices: [`camera-${below(DEVICES)}`], verdicts: ["review"] },
    { lines: [`line-${below(LINES)}`], metadata: { shift: SHIFTS[below(SHIFTS.length)] ?? "early" } },
    { classes: [CLASSES[below(CLASSES.length)]?.name ?? "good"], reasons: ["audit"] },
    { metadata: { lot: `lot-${below(Math.ceil(cases / CASES_A_LOT))}` } },
    { metadata: { lamp: `lamp-${below(40)}` }, verdicts: ["reject"] },
    { from, to: from + DAY_MS },
    { errorsOnly: true },
    { labelled: false, verdicts: ["review"] },
  ];
  return { project: PROJECT, ...conditions[below(conditions.length)] };
}

/** Four values that meet in one case of some ten thousand. */
function rareFilter(random: () => number): CaseFilter {
  const below = (count: number): number => Math.floor(random() * count);
  const device = below(DEVICES);
  return {
    project: PROJECT,
    devices: [`camera-${device}`],
    classes: ["crack"],
    reasons: ["novel"],
    metadata: { lamp: `lamp-${below(40)}` },
  };
}
