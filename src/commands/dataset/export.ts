import { resolve } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import type { DataFolder, RefusedFile } from "../../datasets/data-folder.ts";
import { versionOfItems } from "../../datasets/items.ts";
import { type DatasetFormat, readDataset } from "../../datasets/read-dataset.ts";
import { SIDES, SPLIT_COLUMN } from "../../datasets/split.ts";
import { writeDataset } from "../../datasets/write-dataset.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { formatOption, interruptSignal, namedFiles, note, noteFiles, progress } from "./options.ts";
import { pullFromHub } from "./pull-from-hub.ts";
import { writtenText } from "./written-text.ts";

const HELP = `usage: sightline dataset export --data PATH | --hub URL --out DIR [options]

Writes a data set in another format, or pulls cases from a hub. Files are named by their content; train --data takes what is
exported as folder, csv, coco or fiftyone as it is.

  --data PATH      data set of any format
  --hub URL        pulls from a hub instead, with
    --token T      an API token of the role viewer (or the variable SIGHTLINE_HUB_TOKEN, which ps does not show)
    --version SHA  a data set version; its list is checked against its name
    --filter JSON  or the cases of a filter, such as {"project":"tiles","reasons":["novel"]}; unlabelled ones come along
  --format NAME    of what is written: folder (default), csv, coco, label-studio or fiftyone
  --side NAME      only the images of train, validation or test (column "split")
  --out DIR        new or empty folder
  --link           hard links instead of copies
  --prefix TEXT    label-studio: what comes before a file's name (default /data/local-files/?d=NAME-OF-OUT/)
  --json           one JSON document on stdout
`;

const OPTIONS = {
  data: { type: "string" },
  hub: { type: "string" },
  token: { type: "string" },
  version: { type: "string" },
  filter: { type: "string" },
  format: { type: "string", default: "folder" },
  side: { type: "string" },
  out: { type: "string" },
  link: { type: "boolean", default: false },
  prefix: { type: "string" },
  json: { type: "boolean", default: false },
} as const;
type Options = ReturnType<typeof parseCommandLine<typeof OPTIONS>>;

export async function datasetExport(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const outPath = resolve(required(options.out, "out"));
  const format = formatOption(options.format) ?? "folder";
  if ((options.data === undefined) === (options.hub === undefined)) {
    throw new SightlineError("USAGE", "give either --data or --hub; see --help");
  }
  const interrupt = interruptSignal();
  const bar = progress();
  const plan: ExportPlan = {
    options,
    outPath,
    format,
    signal: interrupt.signal,
    onProgress: (stage, done, total) => bar(stage, done, total),
  };
  try {
    return options.hub === undefined
      ? await exportFolder(plan, (await readDataset({ path: required(options.data, "data") })).folder)
      : await pullFromHub(
          {
            url: options.hub,
            token: required(options.token ?? process.env["SIGHTLINE_HUB_TOKEN"], "token"),
            ...wishOf(options),
            outPath,
            signal: interrupt.signal,
            onProgress: plan.onProgress,
          },
          (folder) => exportFolder({ ...plan, options: { ...options, link: true }, pulled: true }, folder),
        );
  } finally {
    interrupt.stop();
  }
}

function wishOf({ version, filter }: Options): { readonly version: string } | { readonly filter: string } {
  if ((version === undefined) === (filter === undefined)) {
    throw new SightlineError("USAGE", "--hub needs either --version or --filter; see --help");
  }
  return version === undefined ? { filter: filter ?? "" } : { version };
}

interface ExportPlan {
  readonly options: Options;
  readonly outPath: string;
  readonly format: DatasetFormat;
  readonly signal: AbortSignal;
  readonly onProgress: (stage: string, done: number, total: number) => void;
  /** From a hub, where files have no names but their content's. */
  readonly pulled?: boolean;
}

async function exportFolder(plan: ExportPlan, folder: DataFolder): Promise<number> {
  const { options, outPath, format, signal, onProgress } = plan;
  const images = ofSide(folder, options.side);
  const written = await writeDataset(images, {
    outPath,
    format,
    columns: folder.columns,
    link: options.link,
    sourceNames: plan.pulled !== true,
    ...(options.prefix === undefined ? {} : { labelStudioPrefix: options.prefix }),
    onProgress: (done, total) => onProgress("reading images", done, total),
    signal,
  });
  const refused: RefusedFile[] = [...folder.refused, ...written.refused];
  noteFiles("left out", refused);
  noteFiles("left out as copies", written.copies);
  const version = versionOfItems(written.items);
  const { copies } = written;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({
          out: outPath,
          format,
          version,
          images: written.images.length,
          columns: written.columns,
          refused: namedFiles(refused),
          copies: namedFiles(copies),
        })}\n`
      : writtenText(outPath, { version, images: written.images, refused, copies }),
  );
  return written.images.length === 0 ? 1 : 0;
}

function ofSide(folder: DataFolder, wanted: string | undefined): DataFolder["images"] {
  if (wanted === undefined) return folder.images;
  const side = SIDES.find((name) => name === wanted);
  if (side === undefined) throw new SightlineError("USAGE", `--side ${wanted}: use ${SIDES.join(", ")}`);
  if (!folder.columns.includes(SPLIT_COLUMN)) {
    throw new SightlineError("DATA_INVALID", `${folder.path} has no column ${SPLIT_COLUMN}; run dataset split first`);
  }
  const images = folder.images.filter(({ metadata }) => metadata[SPLIT_COLUMN] === side);
  note(`${images.length} of ${folder.images.length} images are on the side ${side}`);
  return images;
}
