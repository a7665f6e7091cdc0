import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import { SimilarityIndex } from "../../hub/cases/similar-cases.ts";
import { listTags } from "../../hub/cases/tag-cases.ts";
import { type Database, type DatabaseSettings, openDatabase } from "../../hub/store/database.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { parseCommandLine } from "../command-line.ts";
import { numberOption } from "../number-option.ts";
import { type Progress, progressLine } from "../progress-line.ts";
import { caseMaker, PROJECT } from "./hub-cases.ts";
import { fillDatabase, makeBenchProject } from "./hub-fill.ts";
import { type IntakeFigures, measureIntake } from "./hub-intake.ts";
import { askQuestions } from "./hub-queries.ts";
import { hubReport, type SizeFigures } from "./hub-report.ts";
import { writeSection } from "./write-section.ts";

const HELP = `usage: sightline bench hub [options]

Fills a database with synthetic cases and asks at every size what people ask: a filter, a page somewhere in the middle, a
combination of values that rarely meet, a count, the error table, similar cases. Then devices send 50 KB images to a hub
of its own process as fast as it takes them.

  --cases LIST      sizes, rising (default 10000,100000,1000000; about 6 minutes and 4 GB below --work)
  --runs N          times each question is asked (default 200)
  --intake N        cases that are sent (default 3000; 0: none)
  --postgres URL    fill this empty PostgreSQL database instead of SQLite
  --work DIR        where the files lie (default: a folder that is removed afterwards)
  --write FILE      put the table into this Markdown file, between its markers
  --json            one JSON document on stdout
`;

export async function benchHub(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    cases: { type: "string", default: "10000,100000,1000000" },
    runs: { type: "string", default: "200" },
    intake: { type: "string", default: "3000" },
    postgres: { type: "string" },
    work: { type: "string" },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const sizes = sizesOf(options.cases);
  const runs = numberOption(options.runs, "runs", wholeFrom(1));
  const sent = numberOption(options.intake, "intake", wholeFrom(0));
  const folder = await workFolder(options.work);
  try {
    const progress = progressLine(process.stderr, clock.tick);
    const settings: DatabaseSettings =
      options.postgres === undefined
        ? { engine: "sqlite", path: join(folder, "cases.sqlite") }
        : { engine: "postgres", url: options.postgres, connections: 4 };
    const measured = await measureSizes(settings, { sizes, runs, progress });
    const intake = sent === 0 ? null : await intakeBelow(folder, sent, progress);
    const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? "unknown", node: process.version };
    const engine = settings.engine === "sqlite" ? "SQLite" : "PostgreSQL";
    const figures = { machine, engine, runs, sizes: measured, intake };
    const report = hubReport(figures);
    if (options.write !== undefined) await writeSection(options.write, "hub", report);
    process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : report);
    return 0;
  } finally {
    if (options.work === undefined) await rm(folder, { recursive: true, force: true });
  }
}

const wholeFrom = (least: number) => ({
  takes: `a whole number, ${least} or more`,
  accepts: (value: number) => Number.isInteger(value) && value >= least,
});

function sizesOf(text: string): number[] {
  const sizes = text.split(",").map((size) => numberOption(size, "cases", wholeFrom(1)));
  if (sizes.every((size, at) => at === 0 || size > (sizes[at - 1] ?? 0))) return sizes;
  throw new SightlineError(
    "USAGE",
    `--cases ${text}: the sizes have to rise, as one database grows from each to the next`,
  );
}

const workFolder = async (path: string | undefined): Promise<string> => {
  if (path === undefined) return mkdtemp(join(tmpdir(), "sightline-hub-"));
  await mkdir(path, { recursive: true });
  return resolve(path);
};

interface Measuring {
  readonly sizes: readonly number[];
  readonly runs: number;
  readonly progress: Progress;
}

async function measureSizes(settings: DatabaseSettings, { sizes, runs, progress }: Measuring): Promise<SizeFigures[]> {
  const database = await openDatabase(settings);
  try {
    await refuseUsed(database);
    await makeBenchProject(database);
    const tagIds = (await listTags(database, PROJECT)).map(({ id }) => id);
    const maker = caseMaker();
    const measured: SizeFigures[] = [];
    let from = 0;
    for (const cases of sizes) {
      const startTick = clock.tick();
      const onProgress = (done: number): void => progress(`cases to ${cases}`, done - from, cases - from);
      await fillDatabase(database, { from, to: cases, maker, tagIds, onProgress });
      const fillSeconds = (clock.tick() - startTick) / 1000;
      const similarity = new SimilarityIndex(settings, clock);
      await similarity.start();
      const times = await askQuestions({ database, similarity, clock, cases, runs }).finally(() => similarity.stop());
      measured.push({ cases, fillSeconds, times });
      from = cases;
    }
    return measured;
  } finally {
    await database.close();
  }
}

async function refuseUsed({ query }: Database): Promise<void> {
  const used = await query.selectFrom("projects").select("id").limit(1).executeTakeFirst();
  if (used === undefined) return;
  throw new SightlineError("USAGE", "the database has a project already; bench hub needs an empty one of its own");
}

async function intakeBelow(folder: string, cases: number, progress: Progress): Promise<IntakeFigures> {
  const hubFolder = await mkdtemp(join(folder, "intake-"));
  const onProgress = (done: number): void => progress("intake", done, cases);
  return measureIntake({ folder: hubFolder, cases, clock, onProgress });
}
