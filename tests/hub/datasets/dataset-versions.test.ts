import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { DatasetItem } from "../../../src/contracts/dataset.ts";
import { canonicalList, versionOfItems } from "../../../src/datasets/items.ts";
import { sideOf } from "../../../src/datasets/split.ts";
import { labelCase } from "../../../src/hub/cases/label-cases.ts";
import { recordCase } from "../../../src/hub/cases/record-case.ts";
import { createVersion, listVersions, versionBySha256 } from "../../../src/hub/datasets/dataset-versions.ts";
import { listItems, removeRemains } from "../../../src/hub/datasets/item-lists.ts";
import type { Database } from "../../../src/hub/store/database.ts";
import { uuidv7 } from "../../../src/platform/uuid.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { addProject, CLASSES, idOf, makeUpload, START, type Wishes } from "../support/make-upload.ts";

const ACT = { by: "engineer", at: START };
const wish = (filter: object = {}) => ({ project: "tiles", name: "monthly", note: "", filter });

async function addCase(database: Database, number: number, label: string | null, wishes: Wishes = {}): Promise<void> {
  await recordCase(database, { upload: makeUpload(number, wishes), project: "tiles", receivedAt: START + number });
  if (label === null) return;
  const boxes = label === "crack" ? [{ x: 1, y: 2, width: 3.5, height: 4, class: "crack" }] : [];
  await labelCase(database, {
    ...{ caseId: idOf(number), label, by: "labeller", at: START + number, blind: false, boxes, classes: CLASSES },
  });
}

async function itemsOf(database: Database, sha256: string): Promise<DatasetItem[]> {
  const version = await versionBySha256(database, sha256);
  const items: DatasetItem[] = [];
  for await (const item of listItems(database, version?.listId ?? "")) items.push(item);
  return items;
}

onBothEngines((engine) => {
  test("a version is its content: the labelled cases of a filter, each on its part's side", async () => {
    const database = await engine.open();
    await addProject(database, "tiles");
    for (let number = 0; number < 40; number++) {
      await addCase(database, number, number % 8 === 7 ? null : number % 4 === 0 ? "crack" : "good", {
        part: `part-${number % 20}`,
        line: number < 30 ? "line-1" : "line-2",
        metadata: { shift: "early", temperature: 21.5, split: "mine", empty: "" },
      });
    }
    const made = await createVersion(database, wish({ lines: ["line-1"] }), ACT);
    const sha256 = made?.sha256 ?? "";
    expect(made?.stored).toBe("new");
    const items = await itemsOf(database, sha256);
    expect(items).toHaveLength(27);
    expect(versionOfItems(items)).toBe(sha256);
    expect(createHash("sha256").update(canonicalList(items.toReversed())).digest("hex")).toBe(sha256);
    const cracked = items.find(({ metadata }) => metadata["case"] === idOf(4));
    expect(cracked).toEqual({
      boxes: [["crack", 1, 2, 3.5, 4]],
      image: makeUpload(4).image.sha256,
      label: "crack",
      metadata: {
        captured_at: new Date(START + 4 * 60_000).toISOString(),
        case: idOf(4),
        device: "cam-1",
        line: "line-1",
        meta_split: "mine",
        model: "1.0.0",
        predicted: "good",
        product: "tile",
        reasons: "uncertain",
        shift: "early",
        split: sideOf("tiles", "part-4"),
        temperature: "21.5",
        verdict: "pass",
      },
      part: "part-4",
    });
    expect(items.find(({ label }) => label === "good")?.boxes).toEqual([]);
    const version = await versionBySha256(database, sha256);
    expect(version?.report.classes.map(({ label }) => label)).toEqual(["crack", "good"]);
    expect(version?.cases).toBe(27);
  });

  test("the same content is the same version; labels given later make another and change none", async () => {
    const database = await engine.open();
    await addProject(database, "tiles");
    for (let number = 0; number < 12; number++) await addCase(database, number, "good");
    const first = await createVersion(database, wish(), ACT);
    const again = await createVersion(database, { ...wish(), name: "other" }, { ...ACT, at: START + 1 });
    expect(again).toEqual({ stored: "known", sha256: first?.sha256 });
    const before = await itemsOf(database, first?.sha256 ?? "");
    await addCase(database, 3, "crack");
    await addCase(database, 20, "crack");
    const second = await createVersion(database, wish(), { ...ACT, at: START + 2 });
    expect(second?.stored).toBe("new");
    expect(await itemsOf(database, first?.sha256 ?? "")).toEqual(before);
    const [newest, oldest] = await listVersions(database, { project: "tiles", limit: 10 });
    expect(newest).toMatchObject({ sha256: second?.sha256, parent: first?.sha256, cases: 13, createdBy: "engineer" });
    expect(oldest).toMatchObject({ sha256: first?.sha256, parent: null });
    const lists = await database.query.selectFrom("dataset_items").select("list_id").distinct().execute();
    expect(lists).toHaveLength(2);
  });

  test("equal images are taken once, contradictory ones and lost ones not at all, and all are counted", async () => {
    const database = await engine.open();
    await addProject(database, "tiles");
    for (let number = 0; number < 8; number++) await addCase(database, number, number === 2 ? "crack" : "good");
    const sha256Of = (number: number): string => makeUpload(number).image.sha256;
    const show = (number: number, image: number) =>
      database.query
        .updateTable("cases")
        .set({ image_sha256: sha256Of(image) })
        .where("id", "=", idOf(number))
        .execute();
    await show(1, 0);
    await show(2, 3);
    await database.query
      .insertInto("images")
      .values({
        ...{ sha256: sha256Of(4), bytes: 1, media_type: "image/png", width_px: 1, height_px: 1, stored_at: 1 },
        ...{ device_id: null, missing_since: 5 },
      })
      .execute();
    const made = await createVersion(database, wish(), ACT);
    const version = await versionBySha256(database, made?.sha256 ?? "");
    expect(version?.report.leftOut).toEqual({ copies: 1, contradicted: 1, imageMissing: 1 });
    expect(version?.cases).toBe(4);
  });

  test("no fitting case makes no version, and what a hub that died had begun is removed", async () => {
    const database = await engine.open();
    await addProject(database, "tiles");
    await addCase(database, 0, null);
    expect(await createVersion(database, wish(), ACT)).toBeNull();
    await addCase(database, 1, "good");
    const left = { image_sha256: "b".repeat(64), json: "{}", contradicted: 0 };
    await database.query
      .insertInto("dataset_items")
      .values([
        { ...left, list_id: uuidv7(START - 90_000_000) },
        { ...left, list_id: uuidv7(START - 1000) },
      ])
      .execute();
    const made = await createVersion(database, wish(), ACT);
    await removeRemains(database, uuidv7(START - 86_400_000));
    const lists = await database.query.selectFrom("dataset_items").select("list_id").distinct().execute();
    expect(lists).toHaveLength(2);
    expect(await itemsOf(database, made?.sha256 ?? "")).toHaveLength(1);
  });
});
