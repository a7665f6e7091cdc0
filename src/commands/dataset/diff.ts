import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { DatasetItem } from "../../contracts/dataset.ts";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { checkImage } from "../../datasets/check-image.ts";
import { diffItems, type DatasetDiff } from "../../datasets/diff-items.ts";
import { inItemOrder, itemOf, versionOfItems } from "../../datasets/items.ts";
import { partColumnOf, partOf } from "../../datasets/part-column.ts";
import { readDataset } from "../../datasets/read-dataset.ts";
import { runTogether } from "../../platform/run-together.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { noteFiles, progress } from "./options.ts";

const HELP = `usage: sightline dataset diff --before PATH --after PATH [options]

What became of a data set: images added, removed, relabelled, with other boxes, parts or metadata.

  --before PATH   data set of any format, or the items.json of an exported version
  --after PATH    the same, later
  --json          one JSON document on stdout
`;

const OPTIONS = {
  before: { type: "string" },
  after: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export async function datasetDiff(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const before = await itemsAt(required(options.before, "before"));
  const after = await itemsAt(required(options.after, "after"));
  const diff = await diffItems(before, after);
  const versions = { before: versionOfItems(before), after: versionOfItems(after) };
  process.stdout.write(options.json ? `${JSON.stringify({ ...versions, ...diff })}\n` : readable(versions, diff));
  return 0;
}

const FILES_AT_ONCE = 4;

/** In the order of inItemOrder. */
async function itemsAt(path: string): Promise<DatasetItem[]> {
  const entry = await stat(path).catch(() => undefined);
  if (entry?.isFile() === true && path.endsWith("items.json")) return readItems(path);
  const { folder } = await readDataset({ path });
  noteFiles("left out", folder.refused);
  const column = partColumnOf(folder);
  const bar = progress();
  let done = 0;
  const items = await runTogether(folder.images, FILES_AT_ONCE, async (image) => {
    const checked = await checkImage(image.path);
    bar("reading images", ++done, folder.images.length);
    if (checked.ok) return itemOf(image, checked.sha256, partOf({ ...image, file: checked.sha256 }, column));
    noteFiles("left out", [{ file: image.file, reason: checked.reason }]);
    return null;
  });
  return items.filter((item) => item !== null).sort(inItemOrder);
}

async function readItems(path: string): Promise<DatasetItem[]> {
  try {
    return z
      .array(DatasetItem)
      .parse(JSON.parse(await readFile(path, "utf8")))
      .sort(inItemOrder);
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `${path}: ${messageOf(error).slice(0, 300)}`, { cause: error });
  }
}

function readable(versions: { readonly before: string; readonly after: string }, diff: DatasetDiff): string {
  const classes = diff.classes.map(({ label, added, removed }) => `  ${label.padEnd(15)} +${added} -${removed}\n`);
  const labels = diff.relabelled.map(({ from, to, images }) => `  ${from} became ${to}: ${images}\n`);
  const { label, boxes, part, metadata } = diff.fields;
  return `${versions.before}
${versions.after}
  added           ${diff.added}
  removed         ${diff.removed}
  changed         ${diff.changed} (label ${label}, boxes ${boxes}, part ${part}, metadata ${metadata})
  unchanged       ${diff.unchanged}
${classes.join("")}${labels.join("")}`;
}
