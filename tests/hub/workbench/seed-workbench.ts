import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { encodeJpeg } from "../../../src/imaging/encode-jpeg.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { DEFAULT_LINE, DEFECT_CLASSES } from "../../../src/simulation/line-settings.ts";
import { renderPart } from "../../../src/simulation/render-part.ts";
import type { HardCaseUpload } from "../../../src/contracts/hub-case.ts";
import { labelCase, type ProjectClass } from "../../../src/hub/cases/label-cases.ts";
import { recordCase } from "../../../src/hub/cases/record-case.ts";
import { createTag, tagCases } from "../../../src/hub/cases/tag-cases.ts";
import type { Database } from "../../../src/hub/store/database.ts";
import { createWorkOrder } from "../../../src/hub/workbench/work-orders.ts";
import type { ObjectStore } from "../../../src/hub/store/object-store.ts";
import { idOf, START } from "../support/make-upload.ts";

export const PROJECT = "tiles";
export const CLASSES: readonly ProjectClass[] = [
  { name: "free", kind: "good" },
  ...DEFECT_CLASSES.map((name) => ({ name, kind: "defect" as const })),
];
const PICTURES = 48;
const MINUTE = 60_000;
const DIMENSIONS = 24;

/** Images in memory, by hash. */
export class MemoryImages implements ObjectStore {
  readonly bytes = new Map<string, Uint8Array>();
  async put(): Promise<void> {
    throw new Error("tests add images themselves");
  }
  async get(sha256: string): Promise<Readable | null> {
    const bytes = this.bytes.get(sha256);
    return bytes === undefined ? null : Readable.from([Buffer.from(bytes)]);
  }
  async has(sha256: string): Promise<boolean> {
    return this.bytes.has(sha256);
  }
  async *list(): AsyncIterable<string> {
    yield* this.bytes.keys();
  }
  async remove(sha256: string): Promise<void> {
    this.bytes.delete(sha256);
  }
}

export interface Picture {
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly label: string;
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number } | null;
}

/** Parts of the simulated line, half of them defective, with where the defect is. */
export async function makePictures(count = PICTURES): Promise<Picture[]> {
  const line = { ...DEFAULT_LINE, defectRate: 0.55, seed: 7 };
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { image, mask, label } = renderPart(line, index);
      const bytes = await encodeJpeg(image, 88);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return { sha256, bytes, label, box: boxOf(mask.pixels, mask.widthPx) };
    }),
  );
}

function boxOf(mask: Uint8Array, widthPx: number): Picture["box"] {
  let [left, right, top, bottom] = [Infinity, -1, Infinity, -1];
  mask.forEach((value, at) => {
    if (value === 0) return;
    const [x, y] = [at % widthPx, Math.floor(at / widthPx)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

const TAGS = [
  ["low contrast", "#c2410c", "The defect is hardly darker than its surface"],
  ["dust", "#0e7490", "Loose dust or fibres on the part"],
  ["edge of part", "#7c3aed", "The defect touches the outline"],
  ["glare", "#b45309", "Reflection of the lamp"],
  ["two defects", "#15803d", "More than one defect on the part"],
] as const;

export interface Seeded {
  readonly pictures: readonly Picture[];
  readonly tagIds: readonly number[];
  readonly cases: number;
}

/**
 * A project as it looks after some weeks: cases of two model versions from three devices, the older ones labelled and
 * errors tagged, the newest `unlabelled` not; blind second labels on some; labels that are wrong on a few.
 */
export async function seedWorkbench(
  database: Database,
  images: MemoryImages,
  { cases = 560, unlabelled = 80 } = {},
): Promise<Seeded> {
  const pictures = await makePictures();
  const random = seededRandom(11);
  await addProject(database, images, pictures);
  const tagIds: number[] = [];
  for (const [name, colour, description] of TAGS) {
    const tag = await createTag(database, { project: PROJECT, name, colour, description, by: "ada", at: START });
    tagIds.push(tag.id);
  }
  for (let number = 0; number < cases; number++) {
    const picture = pictures[number % pictures.length];
    if (picture === undefined) throw new Error("no pictures");
    const upload = uploadOf(number, picture, { random, version: number < cases * 0.35 ? "1.3.0" : "1.4.0" });
    await recordCase(database, { upload, project: PROJECT, receivedAt: START + number * 17 * MINUTE + 4000 });
    if (number < cases - unlabelled) await labelAndTag(database, { number, picture, upload, random, tagIds });
  }
  await openOrders(database, tagIds);
  return { pictures, tagIds, cases };
}

/** One from the time of the older model, so that what it brought can be measured; one that devices are to obey. */
async function openOrders(database: Database, tagIds: readonly number[]): Promise<void> {
  const common = { project: PROJECT, detail: "", owner: "ada" };
  await createWorkOrder(
    database,
    {
      ...common,
      ...{ kind: "camera", tagId: tagIds[0] ?? null, title: "Second lamp at station 6", expectedGain: 0.04 },
      detail: "The dim lamp hides low contrast defects; 520 lx as at the other stations.",
      samplingRule: null,
    },
    { by: "ada", at: START + 40 * MINUTE },
  );
  await createWorkOrder(
    database,
    {
      ...common,
      ...{ kind: "collect", tagId: tagIds[1] ?? null, title: "Collect dust", expectedGain: 0.02, owner: "grace" },
      samplingRule: { rate: 0.2, wanted: 500, until: 1_900_000_000_000, where: { verdicts: ["reject"] }, devices: [] },
    },
    { by: "ada", at: START + 9e8 },
  );
}

async function addProject(database: Database, images: MemoryImages, pictures: readonly Picture[]): Promise<void> {
  await database.query
    .insertInto("projects")
    .values({
      id: PROJECT,
      name: "Floor tiles, hall 2",
      problem: "Find cracks, blowholes, breaks, frays and uneven glaze before packing. Escapes come back as claims.",
      classes_json: JSON.stringify(CLASSES),
      max_escape: 0.01,
      max_overkill: 0.05,
      confidence: 0.95,
      takt_ms: 1200,
      parts_per_day: 20_000,
      defect_rate: 0.02,
      escape_cost: 85,
      overkill_cost: 1.4,
      currency: "EUR",
      created_at: START,
    })
    .execute();
  for (const { sha256, bytes } of pictures) {
    images.bytes.set(sha256, bytes);
    const size = { width_px: DEFAULT_LINE.widthPx, height_px: DEFAULT_LINE.heightPx };
    await database.query
      .insertInto("images")
      .values({ sha256, bytes: bytes.byteLength, media_type: "image/jpeg", ...size, stored_at: START, device_id: null })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  for (const [index, id] of ["tile-1", "tile-2", "tile-3"].entries()) {
    const times = { enrolled_at: START, revoked_at: index === 2 ? START + 9e8 : null, last_seen_at: START + 6e8 };
    await database.query
      .insertInto("devices")
      .values({
        id,
        project_id: PROJECT,
        line: `Line ${index + 4}`,
        credential_sha256: `${index}`.repeat(64),
        ...times,
        daily_cases: 500,
        daily_bytes: 2e8,
      })
      .execute();
  }
}

interface Chance {
  readonly random: () => number;
  readonly version: string;
}

/** What a device sends of a picture: the model is wrong more often in the dark and on line 6. */
export function uploadOf(number: number, picture: Picture, { random, version }: Chance): HardCaseUpload {
  const dark = number % 4 === 3;
  const device = `tile-${(number % 3) + 1}`;
  const missRate = (dark ? 0.55 : 0.07) * (version === "1.4.0" ? 0.7 : 1) + (number % 3 === 2 ? 0.06 : 0);
  const wrong = random() < missRate;
  const truth = picture.label;
  const said = wrong ? (truth === "free" ? "blowhole" : random() < 0.7 ? "free" : "crack") : truth;
  const sure = 0.55 + random() * 0.42;
  const review = sure < 0.62;
  const others = CLASSES.filter(({ name }) => name !== said);
  const scores = Object.fromEntries(others.map(({ name }) => [name, (1 - sure) / others.length]));
  scores[said] = sure;
  const score = 1 - (scores["free"] ?? 0);
  const at = new Date(START + number * 17 * MINUTE).toISOString();
  const region = picture.box ?? { x: 120, y: 140, width: 40, height: 40 };
  const reasons: HardCaseUpload["reasons"] =
    number % 5 === 0 ? ["audit"] : review ? ["uncertain"] : number % 7 === 0 ? ["novel"] : ["disagreement"];
  return {
    schema: 1,
    verdict: {
      schema: 1,
      id: idOf(number),
      device,
      bootSeq: 3,
      verdictSeq: number + 1,
      part: `T-${40_000 + number}`,
      seq: number,
      capturedAt: at,
      decidedAt: at,
      verdict: review ? "review" : said === "free" ? "pass" : "reject",
      class: said,
      score,
      scores,
      regions: said === "free" ? [] : [{ ...region, class: said, score: sure }],
      hardCase: reasons,
      model: { name: "tile-surface", version, sha256: version === "1.3.0" ? "a".repeat(64) : "b".repeat(64) },
      latencyMs: { capture: 3.1, preprocess: 1.4, infer: 12.6 + random() * 4, decide: 0.3, total: 18 + random() * 4 },
      clockSynced: true,
    },
    reasons,
    selectionProbability: reasons[0] === "audit" ? 0.01 : null,
    image: { sha256: picture.sha256, mediaType: "image/jpeg", bytes: picture.bytes.byteLength, crop: null, masked: 0 },
    embedding: embeddingOf(picture, random),
    line: `Line ${(number % 3) + 4}`,
    product: "tile 30 × 30",
    metadata: {
      shift: ["early", "late", "night"][number % 3] ?? "early",
      lamp: dark ? "dim" : "bright",
      glaze: number % 2 === 0 ? "matt" : "gloss",
      lux: dark ? 310 : 520,
    },
  };
}

/** Like a model's: near its class, with noise. */
function embeddingOf(picture: Picture, random: () => number): string {
  const vector = new Float32Array(DIMENSIONS);
  const centre = CLASSES.findIndex(({ name }) => name === picture.label);
  for (let at = 0; at < DIMENSIONS; at++)
    vector[at] = (at % CLASSES.length === centre ? 1.1 : 0) + (random() - 0.5) * 1.6;
  return Buffer.from(vector.buffer).toString("base64");
}

interface Labelling {
  readonly number: number;
  readonly picture: Picture;
  readonly upload: HardCaseUpload;
  readonly random: () => number;
  readonly tagIds: readonly number[];
}

async function labelAndTag(database: Database, { number, picture, upload, random, tagIds }: Labelling): Promise<void> {
  const caseId = upload.verdict.id;
  const at = START + number * 17 * MINUTE + 3_600_000;
  const given = number % 41 === 7 ? (picture.label === "free" ? "fray" : "free") : picture.label;
  const by = number % 2 === 0 ? "ada" : "grace";
  await labelCase(database, { caseId, label: given, by, at, blind: false, boxes: [], classes: CLASSES });
  if (number % 6 === 1) {
    const second = random() < 0.1 ? "uneven" : given;
    await labelCase(database, {
      caseId,
      label: second,
      by: "grete",
      at: at + 1000,
      blind: true,
      boxes: [],
      classes: CLASSES,
    });
  }
  const wrong = upload.verdict.class !== given && upload.verdict.verdict !== "review";
  const chosen = wrong
    ? [
        upload.metadata["lamp"] === "dim" ? 0 : 1,
        ...(random() < 0.4 ? [2] : []),
        ...(random() < 0.25 ? [3] : []),
        ...(random() < 0.1 ? [4] : []),
      ]
    : [...(random() < 0.06 ? [0] : []), ...(random() < 0.1 ? [1] : []), ...(random() < 0.08 ? [3] : [])];
  if (wrong && random() < 0.12) return;
  for (const tag of chosen) await tagCases(database, { caseIds: [caseId], tagId: tagIds[tag] ?? 0, by, at });
}
