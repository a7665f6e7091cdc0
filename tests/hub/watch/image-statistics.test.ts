import { sql } from "kysely";
import { expect, test } from "vitest";
import type { ImageStatistics } from "../../../src/contracts/image-statistics.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { recordCase } from "../../../src/hub/cases/record-case.ts";
import { keepVerdicts } from "../../../src/hub/intake/verdict-intake.ts";
import { type Database, openDatabase } from "../../../src/hub/store/database.ts";
import { type LineHealth, healthOfLines } from "../../../src/hub/watch/line-health.ts";
import { lineWindows } from "../../../src/hub/watch/line-windows.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { caseOf, verdictOf } from "../support/hard-cases.ts";
import { addProject } from "../support/make-upload.ts";

const PARTS = 1200;
/** From this part on the lamp of a line has aged. */
const AGED_FROM = 601;

interface Line {
  readonly device: string;
  /** Grey levels its frames become darker by. */
  readonly darkerBy: number;
  /** Parts before this one are sent without statistics, by a device of an earlier version. */
  readonly measuredFrom: number;
}

/** Every statistic scatters about one value, on a line that is well. */
function looks({ darkerBy }: Line, at: number): ImageStatistics {
  const random = seededRandom(at);
  const brightness = 120 + 4 * random() - (at < AGED_FROM ? 0 : darkerBy);
  return { brightness, darkShare: 0.02 * random(), brightShare: 0.01 * random(), sharpness: 12 + random() };
}

/** One part in ten cannot be inspected; its frame is black. */
const isFault = (at: number): boolean => at % 10 === 0;

function verdictAt({ device }: Line, at: number): Verdict {
  const time = new Date(1_700_000_000_000 + at * 1000).toISOString();
  const verdict = { ...verdictOf({ device, verdictSeq: at }), capturedAt: time, decidedAt: time, hardCase: [] };
  const fault = { verdict: "fault", reason: "dark", class: null, score: null, scores: {} } as const;
  return (isFault(at) ? { ...verdict, ...fault } : verdict) as Verdict; // all that a fault has
}

async function inspect(database: Database, line: Line): Promise<void> {
  const { device, measuredFrom } = line;
  const base = { id: device, project_id: "p", line: device, credential_sha256: device, enrolled_at: 1 };
  await database.query
    .insertInto("devices")
    .values({ ...base, daily_cases: 1, daily_bytes: 1 })
    .execute();
  const numbers = Array.from({ length: PARTS }, (_, index) => index + 1);
  const verdicts = numbers.map((at) => verdictAt(line, at));
  const black: ImageStatistics = { brightness: 1, darkShare: 1, brightShare: 0, sharpness: 0 };
  const statisticsAt = (at: number): ImageStatistics | null =>
    at < measuredFrom ? null : isFault(at) ? black : looks(line, at);
  const statistics = measuredFrom > PARTS ? undefined : numbers.map(statisticsAt);
  const batch = { device, verdicts, statistics, lost: [], receivedAt: 1 };
  expect(await keepVerdicts(database, batch)).toMatchObject({ stored: PARTS });
  expect(await keepVerdicts(database, batch)).toMatchObject({ stored: 0, known: PARTS });
  const upload = { ...caseOf(verdicts[0] ?? expect.fail(), Buffer.from(device)), reasons: ["audit" as const] };
  await recordCase(database, { upload, project: "p", receivedAt: 1 });
}

const changedAt = ({ features }: LineHealth): string[] =>
  features.filter(({ changed }) => changed).map(({ feature }) => feature);

onBothEngines((engine) => {
  test("a line whose lamp ages is reported with its brightness and nothing else, a line that is well with nothing", async () => {
    const database = await engine.open();
    await addProject(database, "p");
    const always = { measuredFrom: 1 };
    await inspect(database, { device: "1-ageing", darkerBy: 9, ...always });
    await inspect(database, { device: "2-well", darkerBy: 0, ...always });
    // Plain to a rank test where frames scatter by four levels, and of no consequence to any model.
    await inspect(database, { device: "3-hardly", darkerBy: 0.8, ...always });
    await inspect(database, { device: "4-old", darkerBy: 9, measuredFrom: Infinity });
    await inspect(database, { device: "5-updated", darkerBy: 9, measuredFrom: AGED_FROM });
    const [ageing, well, hardly, old, updated] = await healthOfLines(database, "p");

    expect(changedAt(ageing ?? expect.fail())).toEqual(["brightness"]);
    expect(ageing?.sentence).toContain("Changed since the model began here: brightness.");
    const brightness = ageing?.features.find(({ feature }) => feature === "brightness");
    expect(brightness).toMatchObject({ kind: "number", effect: 1 });
    expect(brightness?.before).toBeCloseTo(122, 0);
    expect(brightness?.now).toBeCloseTo(113, 0);

    expect(changedAt(well ?? expect.fail())).toEqual([]);
    const tested = well?.features.map(({ feature }) => feature);
    const names = ["brightness", "share of black pixels", "share of saturated pixels", "sharpness"];
    expect(tested).toEqual(expect.arrayContaining(names));
    expect(hardly?.features.find(({ feature }) => feature === "brightness")?.adjustedP).toBeLessThan(1e-4);
    expect(changedAt(hardly ?? expect.fail())).toEqual([]);

    // What was not measured in both windows is not tested; all else is, as before.
    for (const line of [old, updated]) {
      expect(line?.features.map(({ feature }) => feature)).not.toContain("brightness");
      expect(line?.features.map(({ feature }) => feature)).toContain("NG score");
    }
  });

  test("verdicts that an earlier version stored stay, without statistics", async () => {
    const settings = engine.emptyDatabase();
    const earlier = await openDatabase(settings);
    const verdict = verdictOf({ device: "cam" });
    await keepVerdicts(earlier, { device: "cam", verdicts: [verdict], lost: [], receivedAt: 1 });
    await sql`ALTER TABLE verdicts DROP COLUMN statistics_json`.execute(earlier.query);
    await sql`DELETE FROM migrations WHERE name = '0003-image-statistics'`.execute(earlier.query);
    await earlier.close();
    const database = await openDatabase(settings);
    expect((await lineWindows(database, "p", "cam"))?.newest).toEqual([{ verdict, statistics: null }]);
    await database.close();
  });
});
