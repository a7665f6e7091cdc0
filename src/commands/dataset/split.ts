import { join } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import { splitFolder } from "../../datasets/split-folder.ts";
import { DEFAULT_SHARES, SIDES, type SplitReport, type SplitShares } from "../../datasets/split.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { note } from "./options.ts";

const HELP = `usage: sightline dataset split --data DIR --project NAME [options]

Writes the column "split" (train, validation, test) into the folder's index.csv. The side of a part is a keyed hash of
project and part: it never changes when data grow, and all frames of a part are on one side. The hub splits the same way.

  --data DIR       folder per class, with or without index.csv (import other formats first)
  --project NAME   the hub's project, or any name that stays the same
  --shares A,B,C   percent of the parts for train,validation,test (default 70,15,15)
  --by COLUMN      column that names the part (default: part, tile, board_group, board, serial or group)
  --again          may move parts that an earlier split put on other sides
  --json           one JSON document on stdout
`;

const OPTIONS = {
  data: { type: "string" },
  project: { type: "string" },
  shares: { type: "string" },
  by: { type: "string" },
  again: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

export async function datasetSplit(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const path = required(options.data, "data");
  const report = await splitFolder(path, {
    project: required(options.project, "project"),
    shares: options.shares === undefined ? DEFAULT_SHARES : sharesOf(options.shares),
    ...(options.by === undefined ? {} : { partColumn: options.by }),
    mayMove: options.again,
  });
  if (report.partColumn === null) note("every file counts as a part of its own (see --by)");
  for (const warning of report.warnings) note(`warning: ${warning}`);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : readable(join(path, "index.csv"), report));
  return 0;
}

function sharesOf(text: string): SplitShares {
  const [train = NaN, validation = NaN, test = NaN, more] = text.split(",").map((share) => Number(share) / 100);
  const fits = [train, validation, test].every((share) => share >= 0 && share <= 1);
  if (!fits || more !== undefined || Math.abs(train + validation + test - 1) > 1e-9) {
    throw new SightlineError("USAGE", `--shares ${text}: use three percentages that make 100, like 70,15,15`);
  }
  return { train, validation, test };
}

function readable(path: string, { parts, frames, reached, classes }: SplitReport): string {
  const cells = (values: readonly (string | number)[]): string =>
    values.map((value) => String(value).padStart(12)).join("");
  const rows = classes.map(
    ({ label, parts: counts }) => `  ${label.padEnd(14)}${cells(SIDES.map((side) => counts[side]))}`,
  );
  return `${path}
  ${"".padEnd(14)}${cells(SIDES)}
  ${"frames".padEnd(14)}${cells(SIDES.map((side) => frames[side]))}
  ${"parts".padEnd(14)}${cells(SIDES.map((side) => parts[side]))}
  ${"share".padEnd(14)}${cells(SIDES.map((side) => `${(100 * reached[side]).toFixed(1)} %`))}
parts by class
${rows.join("\n")}
`;
}
