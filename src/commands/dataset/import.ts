import { resolve } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import type { LabelledImage, RefusedFile } from "../../datasets/data-folder.ts";
import { versionOfItems } from "../../datasets/items.ts";
import { readDataset } from "../../datasets/read-dataset.ts";
import { writeDataset } from "../../datasets/write-dataset.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { writtenText } from "./written-text.ts";
import { formatOption, interruptSignal, namedFiles, note, noteFiles, progress } from "./options.ts";

const HELP = `usage: sightline dataset import --from PATH --out DIR [options]

Reads a data set and writes it as a folder per class with index.csv, which every --data takes. Each file is decoded, named
by its content and copied; unreadable and unlabelled ones are listed and counted. The way back is dataset export.

  --from PATH      a folder or a listing (CSV, COCO, Label Studio or FiftyOne JSON); may be given several times
  --format NAME    folder, csv, coco, label-studio or fiftyone (default: found out)
  --images DIR     where the images of a listing lie (default: beside it)
  --out DIR        new or empty folder
  --link           hard links instead of copies
  --json           one JSON document on stdout
`;

const OPTIONS = {
  from: { type: "string", multiple: true },
  format: { type: "string" },
  images: { type: "string" },
  out: { type: "string" },
  link: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

export async function datasetImport(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const outPath = resolve(required(options.out, "out"));
  const sources = options.from ?? [];
  if (sources.length === 0) throw new SightlineError("USAGE", "--from is needed; see --help");
  const format = formatOption(options.format);
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  const columns: string[] = [];
  for (const path of sources) {
    const read = await readDataset({
      path,
      ...(format === undefined ? {} : { format }),
      ...(options.images === undefined ? {} : { imagesPath: options.images }),
    });
    note(`${path}: ${read.folder.images.length} labelled images (${read.format})`);
    images.push(...read.folder.images);
    refused.push(...read.folder.refused);
    columns.push(...read.folder.columns);
  }
  const bar = progress();
  const interrupt = interruptSignal();
  try {
    const written = await writeDataset(images, {
      outPath,
      format: "folder",
      columns: [...new Set(columns)],
      link: options.link,
      sourceNames: true,
      onProgress: (done, total) => bar("reading images", done, total),
      signal: interrupt.signal,
    });
    const leftOut = [...refused, ...written.refused];
    noteFiles("left out", leftOut);
    noteFiles("left out as copies", written.copies);
    const version = versionOfItems(written.items);
    process.stdout.write(
      options.json
        ? `${JSON.stringify({
            out: outPath,
            version,
            images: written.images.length,
            columns: written.columns,
            refused: namedFiles(leftOut),
            copies: namedFiles(written.copies),
          })}\n`
        : writtenText(outPath, { version, images: written.images, refused: leftOut, copies: written.copies }),
    );
    return written.images.length === 0 ? 1 : 0;
  } finally {
    interrupt.stop();
  }
}
