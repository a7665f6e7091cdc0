import { BOXES_COLUMN, boxesCell } from "./boxes-column.ts";
import { commonLabel, UNMARKED_LABEL } from "./common-label.ts";
import { csvLine } from "../platform/csv.ts";
import type { DefectBox } from "./data-folder.ts";
import { keyOf, WHOLE_IMAGE } from "./fiftyone.ts";

/** An image as a listing names it. */
export interface ListedImage {
  /** Relative to the data set's folder, with forward slashes. */
  readonly file: string;
  /** "": nobody labelled it yet. */
  readonly label: string;
  readonly boxes: readonly DefectBox[] | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Metadata columns in the order in which they first occur, unless `first` names some. */
export const columnsOf = (
  images: readonly Pick<ListedImage, "metadata">[],
  first: readonly string[] = [],
): string[] => [...new Set([...first, ...images.flatMap(({ metadata }) => Object.keys(metadata))])];

/** index.csv: `file,label`, `boxes` where any image has some, metadata; a column of a name that is taken gets a `_`. */
export function csvListing(images: readonly ListedImage[], columns: readonly string[]): string {
  const marked = images.some(({ boxes }) => boxes !== null);
  const own = ["file", "label", ...(marked ? [BOXES_COLUMN] : [])];
  const lines = images.map(({ file, label, boxes, metadata }) =>
    csvLine([
      file,
      label,
      ...(marked ? [boxesCell(boxes)] : []),
      ...columns.map((name) => (Object.hasOwn(metadata, name) ? (metadata[name] ?? "") : "")),
    ]),
  );
  return csvLine([...own, ...columns.map((name) => (own.includes(name) ? `${name}_` : name))]) + lines.join("");
}

/** Fields of a COCO image that mean something else than a column of the same name. */
const COCO_FIELDS = new Set(["id", "file_name", "width", "height", "label", "marked", "metadata"]);

/**
 * COCO with boxes. Where they do not say it, an image has its own `label`, and `marked: false` where nobody marked it; a
 * defective one of those also has an annotation without a box. Images without a label are left to the caller: COCO would
 * call them good.
 */
export function cocoDocument(images: readonly ListedImage[]): object {
  const labels = [
    ...new Set(images.flatMap(({ label, boxes }) => [label, ...(boxes ?? []).map((box) => box.label)])),
  ].sort();
  const idOf = new Map(labels.map((label, index) => [label, index + 1]));
  const annotations = images.flatMap(({ boxes, label }, index) => {
    const image = { image_id: index + 1, iscrowd: 0 };
    if (boxes === null) return label === UNMARKED_LABEL ? [] : [{ ...image, category_id: idOf.get(label) ?? 0 }];
    return boxes.map((box) => ({
      ...image,
      category_id: idOf.get(box.label) ?? 0,
      bbox: [box.xPx, box.yPx, box.widthPx, box.heightPx],
      area: box.widthPx * box.heightPx,
    }));
  });
  return {
    info: { description: "exported by sightline" },
    categories: labels.map((name) => ({ id: idOf.get(name), name })),
    images: images.map(({ file, label, boxes, metadata, widthPx, heightPx }, index) => {
      const [flat, clashing] = partition(metadata, COCO_FIELDS);
      return {
        id: index + 1,
        file_name: file,
        width: widthPx,
        height: heightPx,
        ...(label === commonLabel(boxes ?? [], labels) ? {} : { label }),
        ...(boxes === null ? { marked: false } : {}),
        ...flat,
        ...(Object.keys(clashing).length === 0 ? {} : { metadata: clashing }),
      };
    }),
    annotations: annotations.map((annotation, index) => ({ id: index + 1, ...annotation })),
  };
}

/** Fields of a Label Studio task's data that mean something else than a column of the same name. */
const TASK_FIELDS = new Set(["image", "marked", "metadata"]);

/**
 * Tasks to be imported by Label Studio: a choice for the whole image, rectangles in percent, metadata as fields of the task.
 * `prefix` comes before each image's name, such as "/data/local-files/?d=my-set/". Images without a label are tasks
 * without an annotation: to be labelled there.
 */
export function labelStudioTasks(images: readonly ListedImage[], prefix: string): object[] {
  return images.map(({ file, label, boxes, metadata, widthPx, heightPx }, index) => {
    const [flat, clashing] = partition(metadata, TASK_FIELDS);
    const address = `${prefix}${file.split("/").map(encodeURIComponent).join("/")}`;
    const place = { from_name: "box", to_name: "image", image_rotation: 0 };
    const size = { original_width: widthPx, original_height: heightPx };
    const rectangles = (boxes ?? []).map((box, at) => ({
      id: `box${at + 1}`,
      type: "rectanglelabels",
      ...place,
      ...size,
      value: {
        x: (100 * box.xPx) / widthPx,
        y: (100 * box.yPx) / heightPx,
        width: (100 * box.widthPx) / widthPx,
        height: (100 * box.heightPx) / heightPx,
        rotation: 0,
        rectanglelabels: [box.label],
      },
    }));
    const choice = { id: "label", type: "choices", from_name: "label", to_name: "image", value: { choices: [label] } };
    return {
      id: index + 1,
      data: {
        image: address,
        ...(boxes === null ? {} : { marked: true }),
        ...flat,
        ...(Object.keys(clashing).length === 0 ? {} : { metadata: clashing }),
      },
      annotations: label === "" ? [] : [{ was_cancelled: false, result: [choice, ...rectangles] }],
    };
  });
}

/** What to paste under Settings, Labeling Interface, so that tasks of these labels can be shown and changed. */
export function labelStudioInterface(images: readonly ListedImage[]): string {
  const labels = [...new Set(images.flatMap(({ label, boxes }) => [label, ...(boxes ?? []).map((box) => box.label)]))];
  const named = labels
    .filter((label) => label !== "")
    .sort()
    .map(attribute);
  return `<View>
  <Image name="image" value="$image" zoom="true"/>
  <Choices name="label" toName="image" choice="single" showInLine="true">
${named.map((label) => `    <Choice value="${label}"/>`).join("\n")}
  </Choices>
  <RectangleLabels name="box" toName="image">
${named.map((label) => `    <Label value="${label}"/>`).join("\n")}
  </RectangleLabels>
</View>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const attribute = (text: string): string => text.replace(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);

/**
 * FiftyOne's labels.json: detections where any image has boxes, classifications otherwise. In detections, a label that the
 * boxes do not say is one more, as large as the picture, with the attribute `whole_image`.
 */
export function fiftyOneLabels(images: readonly ListedImage[]): object {
  const withBoxes = images.some(({ boxes }) => boxes !== null);
  const classes = [...new Set(images.flatMap(({ label, boxes }) => [label, ...(boxes ?? []).map((box) => box.label)]))]
    .filter((label) => label !== "")
    .sort();
  const indexOf = new Map(classes.map((label, index) => [label, index]));
  const targetOf = (image: ListedImage): unknown => {
    if (image.label === "") return null;
    if (withBoxes) return detectionsOf(image, indexOf);
    return { label: indexOf.get(image.label), attributes: image.metadata };
  };
  return { classes, labels: Object.fromEntries(images.map((image) => [keyOf(image.file), targetOf(image)])) };
}

function detectionsOf(
  { label, boxes, widthPx, heightPx }: ListedImage,
  indexOf: ReadonlyMap<string, number>,
): object[] {
  const marks = (boxes ?? []).map((box) => ({
    label: indexOf.get(box.label),
    bounding_box: [box.xPx / widthPx, box.yPx / heightPx, box.widthPx / widthPx, box.heightPx / heightPx],
  }));
  if (boxes !== null && label === commonLabel(boxes)) return marks;
  const attributes = { [WHOLE_IMAGE]: true, marked: boxes !== null };
  return [...marks, { label: indexOf.get(label), bounding_box: [0, 0, 1, 1], attributes }];
}

/** Entries whose name is free, and those whose name is taken. */
function partition(
  metadata: Readonly<Record<string, string>>,
  taken: ReadonlySet<string>,
): [Record<string, string>, Record<string, string>] {
  const { free = [], clashing = [] } = Object.groupBy(Object.entries(metadata), ([name]) =>
    taken.has(name) ? "clashing" : "free",
  );
  return [Object.fromEntries(free), Object.fromEntries(clashing)];
}
