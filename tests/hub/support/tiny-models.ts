import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "../../../src/hub/store/database.ts";
import { labelCase } from "../../../src/hub/cases/label-cases.ts";
import { encodeJpeg } from "../../../src/imaging/encode-jpeg.ts";
import { encodeModel } from "../../../src/onnx/model-file.ts";
import { DEFAULT_LINE } from "../../../src/simulation/line-settings.ts";
import { renderPart } from "../../../src/simulation/render-part.ts";
import { tinyBackbone } from "../../training/tiny-backbone.ts";
import { caseOf, verdictOf } from "./hard-cases.ts";
import { HubUnderTest, PROJECT } from "./running-hub.ts";

export const TILE_CLASSES = [
  { name: "free", kind: "good" as const },
  { name: "defect", kind: "defect" as const },
];

/** A folder of bases with a backbone of a few kilobytes. */
export function makeBases(folder: string): string {
  const path = join(folder, "bases");
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "tiny.onnx"), encodeModel(tinyBackbone()));
  return path;
}

export async function nameClasses(database: Database): Promise<void> {
  await database.query
    .updateTable("projects")
    .set({ classes_json: JSON.stringify(TILE_CLASSES) })
    .where("id", "=", PROJECT)
    .execute();
}

/** Tiles of the simulated line, sent by a device as hard cases and labelled with the simulator's truth. */
export async function sendTiles(hub: HubUnderTest, count: number, from = 0): Promise<void> {
  const device = `station-${from}`;
  const sender = await hub.enrol(device);
  const line = { ...DEFAULT_LINE, defectRate: 0.5, seed: 11 };
  for (let at = 0; at < count; at++) {
    const { image, label } = renderPart(line, from + at);
    const bytes = Buffer.from(await encodeJpeg(image, 85));
    const verdict = { ...verdictOf({ device, verdictSeq: at + 1 }), part: `tile-${from + at}` };
    const upload = caseOf(verdict, bytes);
    await sender.putImage(bytes);
    const answer = await sender.putCase({ ...upload, metadata: { shift: at % 2 === 0 ? "early" : "late" } } as never);
    if (answer.status !== 200) throw new Error(await answer.text());
    await labelCase(hub.database, {
      ...{ caseId: verdict.id, label: label === "free" ? "free" : "defect", by: "labeller", at, blind: false },
      ...{ boxes: [], classes: TILE_CLASSES },
    });
  }
}

export async function makeVersion(hub: HubUnderTest, name = "monthly", filter: object = {}): Promise<string> {
  const engineer = await hub.signIn("engineer");
  const made = await engineer.send("POST", "/api/v1/datasets", { project: PROJECT, name, filter });
  if (made.status !== 200) throw new Error(await made.text());
  return ((await made.json()) as { version: { sha256: string } }).version.sha256;
}
