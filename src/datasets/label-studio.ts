import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";
import { readImageSize } from "../imaging/image-size.ts";
import { textFields } from "./coco-folder.ts";
import { boxFromShares, commonLabel, UNMARKED_LABEL } from "./common-label.ts";
import { maskPathOf } from "./csv-listing.ts";
import type { DataFolder, DefectBox, LabelledImage, RefusedFile } from "./data-folder.ts";
import { fileNameFault, withForwardSlashes } from "./file-name.ts";

/** Rotation is about the top left corner, clockwise. */
const Rectangle = z.object({
  x: z.number().describe("percent of the width"),
  y: z.number().describe("percent of the height"),
  width: z.number().min(0),
  height: z.number().min(0),
  rotation: z.number().default(0),
  rectanglelabels: z.array(z.string().min(1)).min(1),
});
const Choices = z.object({ choices: z.array(z.string().min(1)).min(1) });

const Result = z.looseObject({
  type: z.string(),
  value: z.unknown(),
  original_width: z.number().positive().optional(),
  original_height: z.number().positive().optional(),
});
type Result = z.infer<typeof Result>;

const Annotation = z.object({
  result: z.array(Result),
  was_cancelled: z.boolean().nullish(),
});

/** What this project reads of Label Studio's export "JSON" (labelstud.io/guide/task_format). */
const Tasks = z.array(
  z.object({
    data: z.looseObject({
      image: z.string().min(1),
      /** Ours: somebody marked where the defects are, be it nowhere. */
      marked: z.boolean().optional(),
      /** Ours: metadata whose names mean something else in a task. */
      metadata: z.record(z.string(), z.string()).optional(),
    }),
    annotations: z.array(Annotation).default([]),
  }),
);

interface ReadTask {
  readonly label: string;
  readonly boxes: readonly DefectBox[] | null;
}

/**
 * Tasks of Label Studio with a choice for the whole image, rectangles, or both; predictions do not count, of several
 * annotations the last that was not cancelled does. Images are those of `files` below `path` whose name the task's address
 * ends with. Throws SightlineError DATA_INVALID where the file is no such export.
 */
export async function readLabelStudio(
  documentPath: string,
  path: string,
  files: readonly string[],
): Promise<DataFolder> {
  const tasks = parseTasks(await readFile(documentPath, "utf8"), documentPath);
  const listing = basename(documentPath);
  const results = tasks.flatMap(({ annotations }) => annotations.flatMap(({ result }) => result));
  // Only where people were never asked for a choice does an empty answer say "nothing to mark".
  const emptyIsGood =
    results.some(({ type }) => type === "rectanglelabels") && !results.some(({ type }) => type === "choices");
  const find = finder(files);
  const listed = new Set<string>();
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const { data, annotations } of tasks) {
    const { image, marked, metadata, ...fields } = data;
    const found = find(image);
    if ("fault" in found) {
      refused.push({ file: found.name, reason: found.fault });
      continue;
    }
    const { file } = found;
    if (listed.has(file)) {
      refused.push({ file, reason: `listed twice in ${listing}` });
      continue;
    }
    listed.add(file);
    try {
      const result = annotations.findLast(({ was_cancelled }) => was_cancelled !== true)?.result;
      if (result === undefined) throw new Error(`no label: nobody annotated it in ${listing}`);
      const read = await readResult(result, join(path, file), emptyIsGood);
      images.push({
        path: join(path, file),
        file,
        label: read.label,
        metadata: { ...textFields(fields), ...metadata },
        boxes: read.boxes ?? (marked === true ? [] : null),
        maskPath: maskPathOf(path, file),
      });
    } catch (error) {
      refused.push({ file, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const unlisted = files.filter((file) => !listed.has(file));
  refused.push(...unlisted.map((file) => ({ file, reason: `no label: not in ${listing}` })));
  return { path, images, columns: [...new Set(images.flatMap(({ metadata }) => Object.keys(metadata)))], refused };
}

function parseTasks(text: string, documentPath: string): z.infer<typeof Tasks> {
  const parsed = Tasks.safeParse(JSON.parse(text.replace(/^\uFEFF/, "")));
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: "" };
  throw new SightlineError(
    "DATA_INVALID",
    `${documentPath} is no export of Label Studio in its format "JSON": ${path.map(String).join(".")}: ${message}`,
  );
}

async function readResult(result: readonly Result[], imagePath: string, emptyIsGood: boolean): Promise<ReadTask> {
  const choices = result.filter(({ type }) => type === "choices").flatMap(({ value }) => Choices.parse(value).choices);
  if (new Set(choices).size > 1) throw new Error(`several labels at once (${choices.join(", ").slice(0, 100)})`);
  const boxes: DefectBox[] = [];
  for (const mark of result.filter(({ type }) => type === "rectanglelabels")) {
    const size =
      mark.original_width === undefined || mark.original_height === undefined
        ? await readImageSize(imagePath)
        : { widthPx: mark.original_width, heightPx: mark.original_height };
    boxes.push(boxOf(Rectangle.parse(mark.value), size));
  }
  const [choice] = choices;
  if (choice !== undefined) return { label: choice, boxes: boxes.length === 0 ? null : boxes };
  if (boxes.length > 0) return { label: commonLabel(boxes), boxes };
  if (emptyIsGood) return { label: UNMARKED_LABEL, boxes: [] };
  throw new Error("no label: its annotation holds neither a choice nor a rectangle");
}

/** A turned rectangle becomes the upright one around it. */
function boxOf(
  { x, y, width, height, rotation, rectanglelabels }: z.infer<typeof Rectangle>,
  size: { readonly widthPx: number; readonly heightPx: number },
): DefectBox {
  const [label = ""] = rectanglelabels;
  const upright = boxFromShares(label, [x / 100, y / 100, width / 100, height / 100], size);
  if (rotation % 360 === 0) return upright;
  const angle = (rotation * Math.PI) / 180;
  const corners = [
    [0, 0],
    [upright.widthPx, 0],
    [0, upright.heightPx],
    [upright.widthPx, upright.heightPx],
  ].map(([across = 0, down = 0]) => ({
    x: across * Math.cos(angle) - down * Math.sin(angle),
    y: across * Math.sin(angle) + down * Math.cos(angle),
  }));
  const left = Math.min(...corners.map((corner) => corner.x));
  const top = Math.min(...corners.map((corner) => corner.y));
  return {
    label,
    xPx: upright.xPx + left,
    yPx: upright.yPx + top,
    widthPx: Math.max(...corners.map((corner) => corner.x)) - left,
    heightPx: Math.max(...corners.map((corner) => corner.y)) - top,
  };
}

type Found = { readonly file: string } | { readonly name: string; readonly fault: string };

/** Which of `files` an address means: "/data/local-files/?d=set/images/a.png", "/data/upload/3/1a2b3c4d-a.png", "s3://…". */
function finder(files: readonly string[]): (address: string) => Found {
  const byName = Map.groupBy(files, (file) => file.split("/").at(-1) ?? file);
  return (address) => {
    const name = nameOfAddress(address);
    const fault = fileNameFault(name);
    if (fault !== null) return { name, fault };
    const last = name.split("/").at(-1) ?? name;
    // Uploads get eight hexadecimal digits before their name.
    const candidates = byName.get(last) ?? byName.get(last.replace(/^[0-9a-f]{8}-/, "")) ?? [];
    const [only, another] = candidates;
    if (only === undefined) return { name, fault: "its image is not there; put it below the folder of the images" };
    if (another === undefined) return { file: only };
    const fitting = candidates.filter((file) => `/${name}`.endsWith(`/${file}`));
    const [best] = fitting.sort((one, other) => other.length - one.length);
    return best === undefined ? { name, fault: `${candidates.length} images have this name` } : { file: best };
  };
}

function nameOfAddress(address: string): string {
  const local = /[?&]d=([^&]*)/.exec(address)?.[1];
  const plain = local ?? address.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*\//i, "").replace(/[?#].*$/, "");
  let decoded = plain;
  try {
    decoded = decodeURIComponent(plain);
  } catch {
    // A bare name with a percent sign in it is no encoded address.
  }
  return withForwardSlashes(decoded)
    .replace(/^\/data\/(upload|media)\//, "")
    .replace(/^\/?data\/local-files\//, "");
}
