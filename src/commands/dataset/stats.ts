import { mkdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { partColumnOf } from "../../datasets/part-column.ts";
import { readDataset } from "../../datasets/read-dataset.ts";
import { type DatasetStatistics, datasetStatistics } from "../../datasets/statistics.ts";
import { surveyFolder } from "../../datasets/survey.ts";
import { systemClock, toIso } from "../../platform/clock.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { formatOption, interruptSignal, namedFiles, note, noteFiles, progress } from "./options.ts";
import { statisticsPage } from "./statistics-page.ts";

const HELP = `usage: sightline dataset stats --data PATH [options]

Parts and frames per class, sizes, brightness, sharpness; the same or nearly the same picture under two parts; parts and
pictures on two sides of the column "split". Exit 1 where something is on two sides.

  --data PATH      data set of any format
  --format NAME    folder, csv, coco, label-studio or fiftyone (default: found out)
  --images DIR     where the images of a listing lie (default: beside it)
  --by COLUMN      column that names the part (default: part, tile, board_group, board, serial or group)
  --report FILE    writes a page with plots
  --json           one JSON document on stdout
`;

const OPTIONS = {
  data: { type: "string" },
  format: { type: "string" },
  images: { type: "string" },
  by: { type: "string" },
  report: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export async function datasetStats(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const path = required(options.data, "data");
  const format = formatOption(options.format);
  const { folder } = await readDataset({
    path,
    ...(format === undefined ? {} : { format }),
    ...(options.images === undefined ? {} : { imagesPath: options.images }),
  });
  const partColumn = partColumnOf(folder, options.by);
  if (partColumn === null) note("every file counts as a part of its own (see --by)");
  const bar = progress();
  const interrupt = interruptSignal();
  try {
    const survey = await surveyFolder(folder, {
      partColumn,
      onProgress: (done, total) => bar("reading images", done, total),
      signal: interrupt.signal,
    });
    const statistics = datasetStatistics(survey.images);
    const refused = [...folder.refused, ...survey.unreadable];
    noteFiles("left out", refused);
    if (options.report !== undefined) {
      const reportPath = resolve(options.report);
      await mkdir(dirname(reportPath), { recursive: true });
      const facts = { title: basename(resolve(path)), partColumn, refused, madeAt: toIso(systemClock.wallNow()) };
      await writeDurably(reportPath, statisticsPage(statistics, survey.images, facts));
      note(`report: ${reportPath}`);
    }
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ data: path, partColumn, ...statistics, refused: namedFiles(refused) })}\n`
        : readable(path, statistics, refused.length),
    );
    return statistics.leaks.length > 0 ? 1 : 0;
  } finally {
    interrupt.stop();
  }
}

const SHOWN = 10;

function readable(path: string, found: DatasetStatistics, refused: number): string {
  const cells = (values: readonly (string | number)[]): string =>
    values.map((value) => String(value).padStart(11)).join("");
  const classes = found.classes.map(
    ({ label, parts, frames, marked, synthetic, brightness }) =>
      `  ${label.padEnd(16)}${cells([parts, frames, marked, synthetic, `${Math.round(brightness.low)}-${Math.round(brightness.high)}`])}\n`,
  );
  const sizes = found.sizes.slice(0, 3).map(({ widthPx, heightPx, frames }) => `${widthPx}x${heightPx} px (${frames})`);
  const lines = [
    ...some("near-duplicates under two parts", found.nearDuplicates, ({ first, second }) => `${first} and ${second}`),
    ...some("the same file under two parts", found.sameFiles, ({ first, second }) => `${first} and ${second}`),
    ...some(
      "on two sides of the split",
      found.leaks,
      ({ kind, what, sides }) => `${kind} ${what}: ${sides.join(", ")}`,
    ),
  ];
  return `${path}
  frames          ${found.frames} of ${found.parts} parts, ${refused} left out
  sizes           ${sizes.join(", ")}${found.sizes.length > 3 ? `, and ${found.sizes.length - 3} more` : ""}
  version         ${found.version}
  ${"class".padEnd(16)}${cells(["parts", "frames", "marked", "synthetic", "brightness"])}
${classes.join("")}${lines.join("")}`;
}

function some<T>(what: string, found: readonly T[], text: (one: T) => string): string[] {
  if (found.length === 0) return [];
  const more = found.length > SHOWN ? [`  and ${found.length - SHOWN} more\n`] : [];
  return [`${found.length} ${what}\n`, ...found.slice(0, SHOWN).map((one) => `  ${text(one)}\n`), ...more];
}
