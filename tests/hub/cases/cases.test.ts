import { expect, test } from "vitest";
import type { CaseFilter } from "../../../src/hub/cases/case-filter.ts";
import { caseById, countCases, findCases, randomErrors } from "../../../src/hub/cases/find-cases.ts";
import { labelCase, undoLabel } from "../../../src/hub/cases/label-cases.ts";
import { outcomeCounts } from "../../../src/hub/cases/outcome-counts.ts";
import { recordCase, recordCases } from "../../../src/hub/cases/record-case.ts";
import { createTag, listTags, tagCases, untagCases } from "../../../src/hub/cases/tag-cases.ts";
import type { Database } from "../../../src/hub/store/database.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { addProject, CLASSES, idOf, makeUpload, START, type Wishes } from "../support/make-upload.ts";

const DAY_MS = 86_400_000;

onBothEngines((engine) => {
  const fresh = async (): Promise<Database> => {
    const database = await engine.open();
    await addProject(database, "p");
    await addProject(database, "other");
    return database;
  };
  const record = (database: Database, number: number, wishes: Wishes = {}) =>
    recordCase(database, { upload: makeUpload(number, wishes), project: "p", receivedAt: START + number });
  const label = (database: Database, number: number, name: string, blind = false) =>
    labelCase(database, { caseId: idOf(number), label: name, by: "ann", at: 5, blind, boxes: [], classes: CLASSES });
  const numbers = async (database: Database, filter: Partial<CaseFilter>): Promise<number[]> => {
    const { cases } = await findCases(database, { project: "p", ...filter }, { limit: 100 });
    return cases.map(({ id }) => Number.parseInt(id.slice(-12), 16));
  };

  test("a case sent twice, or by two at once, is one case", async () => {
    const database = await fresh();
    expect(await record(database, 1)).toBe("new");
    expect(await record(database, 1)).toBe("known");
    const racing = await Promise.all([record(database, 2), record(database, 2), record(database, 2)]);
    expect(racing.sort()).toEqual(["known", "known", "new"]);
    expect(await countCases(database, { project: "p" }, { atMost: 100 })).toEqual({ count: 2, exact: true });
  });

  test("the same case twice in one batch is one case", async () => {
    const database = await fresh();
    const arrived = { upload: makeUpload(1), project: "p", receivedAt: 0 };
    expect(await recordCases(database, [arrived, arrived])).toEqual(["new", "known"]);
  });

  test("a case id of another device is refused", async () => {
    const database = await fresh();
    await record(database, 1);
    await expect(record(database, 1, { device: "cam-2" })).rejects.toThrow(/was sent by another device/);
  });

  test("an embedding that is no list of float32 is refused and leaves nothing", async () => {
    const database = await fresh();
    const upload = { ...makeUpload(1), embedding: "AAA=" };
    await expect(recordCase(database, { upload, project: "p", receivedAt: 0 })).rejects.toThrow(/finite float32/);
    expect(await caseById(database, idOf(1))).toBeNull();
  });

  test("a case is given back with all that was sent", async () => {
    const database = await fresh();
    const upload = makeUpload(7, {
      reasons: ["novel", "audit"],
      metadata: { shift: "late", humidity: 41.5, wet: true },
    });
    await recordCase(database, { upload, project: "p", receivedAt: 9 });
    expect(await caseById(database, idOf(7))).toMatchObject({
      id: idOf(7),
      report: upload.verdict,
      reasons: ["novel", "audit"],
      metadata: { shift: "late", humidity: 41.5, wet: true, product: "tile" },
      receivedAt: 9,
      label: null,
      tagIds: [],
      labels: [],
    });
  });

  test("each condition of a filter holds, alone and together", async () => {
    const database = await fresh();
    await record(database, 0, { device: "cam-1", verdict: "reject", class: "crack", metadata: { shift: "early" } });
    await record(database, 1, { device: "cam-2", verdict: "pass", metadata: { shift: "late" }, model: "2.0.0" });
    await record(database, 2, { device: "cam-2", verdict: "reject", class: "blowhole", metadata: { shift: "late" } });
    await record(database, 3, { line: "line-2", reasons: ["novel", "audit"], part: "x" });
    await recordCase(database, { upload: makeUpload(4), project: "other", receivedAt: 0 });
    expect(await numbers(database, {})).toEqual([3, 2, 1, 0]);
    expect(await numbers(database, { devices: ["cam-2"] })).toEqual([2, 1]);
    expect(await numbers(database, { devices: ["cam-1", "cam-2"] })).toEqual([3, 2, 1, 0]);
    expect(await numbers(database, { lines: ["line-2"] })).toEqual([3]);
    expect(await numbers(database, { reasons: ["novel", "audit"] })).toEqual([3]);
    expect(await numbers(database, { verdicts: ["reject"], classes: ["crack", "blowhole"] })).toEqual([2, 0]);
    expect(await numbers(database, { models: ["2.0.0"] })).toEqual([1]);
    expect(await numbers(database, { metadata: { shift: "late", product: "tile" } })).toEqual([2, 1]);
    expect(await numbers(database, { metadata: { shift: "late" }, verdicts: ["reject"] })).toEqual([2]);
    expect(await numbers(database, { part: "x" })).toEqual([3]);
    expect(await numbers(database, { devices: ["cam-9"] })).toEqual([]);
    expect(await numbers(database, { project: "other" })).toEqual([4]);
    expect(
      await countCases(database, { project: "p", metadata: { shift: "late" }, verdicts: ["reject"] }, { atMost: 9 }),
    ).toEqual({ count: 1, exact: true });
  });

  test("a time range holds to the millisecond, however wide it is", async () => {
    const database = await fresh();
    const times = [0, 1, DAY_MS, 20 * DAY_MS, 60 * DAY_MS, 400 * DAY_MS, 2000 * DAY_MS];
    for (const [at, time] of times.entries()) await record(database, at, { capturedAt: START + time });
    const between = (from?: number, to?: number): Promise<number[]> =>
      numbers(database, {
        ...(from === undefined ? {} : { from: START + from }),
        ...(to === undefined ? {} : { to: START + to }),
      });
    for (const [from, to] of times.flatMap((from) => times.map((to) => [from, to] as const))) {
      const expected = [...times.keys()].filter((at) => (times[at] ?? 0) >= from && (times[at] ?? 0) < to).reverse();
      expect(await between(from, to)).toEqual(expected);
    }
    expect(await between(DAY_MS)).toEqual([6, 5, 4, 3, 2]);
    expect(await between(undefined, DAY_MS)).toEqual([1, 0]);
  });

  test("pages follow one another without a gap or a repetition, in both orders", async () => {
    const database = await fresh();
    const uploads = Array.from({ length: 250 }, (_, at) =>
      makeUpload(at, { device: at % 3 === 0 ? "cam-3" : "cam-1" }),
    );
    await recordCases(
      database,
      uploads.map((upload) => ({ upload, project: "p", receivedAt: 0 })),
    );
    for (const order of ["newest", "oldest"] as const) {
      const seen: number[] = [];
      let beforeRow: number | null | undefined;
      do {
        const page = { limit: 7, order, ...(beforeRow === undefined ? {} : { beforeRow }) };
        const { cases, nextBeforeRow } = await findCases(database, { project: "p", devices: ["cam-3"] }, page);
        seen.push(...cases.map(({ id }) => Number.parseInt(id.slice(-12), 16)));
        beforeRow = nextBeforeRow ?? undefined;
      } while (beforeRow !== undefined);
      const expected = Array.from({ length: 84 }, (_, at) => at * 3);
      expect(seen).toEqual(order === "oldest" ? expected : expected.reverse());
    }
  });

  test("values that rarely meet make short pages that go on, not slow ones", async () => {
    const database = await fresh();
    const uploads = Array.from({ length: 5000 }, (_, at) =>
      makeUpload(at, {
        device: at % 2 === 0 ? "even" : "odd",
        line: at % 2 === 0 || at === 77 ? "even" : "odd",
      }),
    );
    await recordCases(
      database,
      uploads.map((upload) => ({ upload, project: "p", receivedAt: 0 })),
    );
    const filter = { project: "p", devices: ["odd"], lines: ["even"] };
    const first = await findCases(database, filter, { limit: 10 });
    expect(first.cases).toEqual([]);
    const second = await findCases(database, filter, { limit: 10, beforeRow: first.nextBeforeRow ?? 0 });
    expect(second.cases.map(({ id }) => id)).toEqual([idOf(77)]);
    expect(second.nextBeforeRow).toBeNull();
    expect(await countCases(database, filter, { atMost: 10 })).toEqual({ count: 1, exact: true });
    expect(await countCases(database, { project: "p" }, { atMost: 100 })).toEqual({ count: 100, exact: false });
  });

  test("labels count the newest that is neither blind nor undone, and the error table follows", async () => {
    const database = await fresh();
    await record(database, 1, { verdict: "pass" });
    await record(database, 2, { verdict: "reject", class: "crack" });
    expect(await label(database, 1, "crack")).toMatchObject({ label: "crack", labelDefect: true, outcome: "escape" });
    expect(await label(database, 1, "good", true)).toMatchObject({ label: "crack", outcome: "escape" });
    expect(await label(database, 2, "blowhole")).toMatchObject({ outcome: "wrong-class" });
    expect(await label(database, 2, "good")).toMatchObject({ outcome: "overkill" });
    expect(await outcomeCounts(database, "p")).toEqual([
      { modelVersion: "1.0.0", outcome: "escape", tagIds: [], cases: 1 },
      { modelVersion: "1.0.0", outcome: "overkill", tagIds: [], cases: 1 },
    ]);
    expect(await numbers(database, { errorsOnly: true })).toEqual([2, 1]);
    expect(await numbers(database, { labels: ["good"] })).toEqual([2]);
    expect(await undoLabel(database, { caseId: idOf(2), by: "ann", at: 6 })).toMatchObject({ outcome: "wrong-class" });
    expect(await undoLabel(database, { caseId: idOf(2), by: "bob", at: 6 })).toMatchObject({ outcome: "wrong-class" });
    expect(await undoLabel(database, { caseId: idOf(2), by: "ann", at: 6 })).toMatchObject({
      label: null,
      outcome: null,
    });
    expect(await numbers(database, { labelled: false })).toEqual([2]);
    expect((await outcomeCounts(database, "p")).map(({ outcome }) => outcome)).toEqual(["escape"]);
    expect((await caseById(database, idOf(2)))?.labels.map(({ undoneAt }) => undoneAt)).toEqual([6, 6]);
    await expect(label(database, 9, "good")).rejects.toThrow(/no case/);
    await expect(label(database, 1, "scratch")).rejects.toThrow(/"scratch" is no class of the project/);
  });

  test("tags are not exclusive, and overlaps stay in the error table", async () => {
    const database = await fresh();
    for (const number of [1, 2, 3]) await record(database, number, { verdict: "pass" });
    const tag = (name: string) =>
      createTag(database, { project: "p", name, colour: "#ff0000", description: "", by: "ann", at: 1 });
    const glare = await tag("glare");
    const dust = await tag(" dust ");
    expect(await tag("glare")).toEqual(glare);
    expect((await listTags(database, "p")).map(({ name }) => name)).toEqual(["dust", "glare"]);
    await label(database, 1, "crack");
    const put = (numbers: number[], tagId: number) =>
      tagCases(database, { caseIds: numbers.map(idOf), tagId, by: "ann", at: 2 });
    expect(await put([1, 2], glare.id)).toBe(2);
    expect(await put([1, 2, 3], glare.id)).toBe(1);
    expect(await put([1], dust.id)).toBe(1);
    await label(database, 2, "crack");
    const table = await outcomeCounts(database, "p");
    expect(table.map(({ tagIds, cases }) => [tagIds, cases])).toEqual([
      [[glare.id], 1],
      [[glare.id, dust.id], 1],
    ]);
    expect(await numbers(database, { tags: [dust.id] })).toEqual([1]);
    expect(await numbers(database, { tags: [glare.id, dust.id], errorsOnly: true })).toEqual([2, 1]);
    expect(await untagCases(database, { caseIds: [idOf(1), idOf(3)], tagId: glare.id, by: "ann", at: 3 })).toBe(2);
    expect((await caseById(database, idOf(1)))?.tagIds).toEqual([dust.id]);
    expect(await numbers(database, { tags: [glare.id] })).toEqual([2]);
    await expect(put([1, 99], glare.id)).rejects.toThrow(/no case/);
    await expect(put([1], 4711)).rejects.toThrow(/no tag 4711/);
  });

  test("labelling and tagging at once keeps every count", async () => {
    const database = await fresh();
    const all = Array.from({ length: 20 }, (_, at) => at);
    for (const number of all) await record(database, number, { verdict: "pass" });
    const tag = await createTag(database, {
      project: "p",
      name: "t",
      colour: "#ff0000",
      description: "",
      by: "a",
      at: 1,
    });
    await Promise.all([
      ...all.map((number) => label(database, number, number % 2 === 0 ? "crack" : "good")),
      tagCases(database, { caseIds: all.map(idOf), tagId: tag.id, by: "a", at: 1 }),
      ...all.map((number) => label(database, number, "crack")),
      untagCases(database, { caseIds: all.slice(0, 5).map(idOf), tagId: tag.id, by: "a", at: 1 }),
    ]);
    const counted = await outcomeCounts(database, "p");
    const rows = await database.query.selectFrom("cases").select(["tag_set", "outcome"]).execute();
    const expected = Map.groupBy(rows, ({ tag_set, outcome }) => `${outcome} ${tag_set}`);
    expect(Object.fromEntries(counted.map(({ outcome, tagIds, cases }) => [`${outcome} ${tagIds}`, cases]))).toEqual(
      Object.fromEntries([...expected].map(([key, group]) => [key, group.length])),
    );
    expect(rows).toHaveLength(20);
  });

  test("a random sample of errors is the same for the same seed, and holds errors only", async () => {
    const database = await fresh();
    for (let number = 0; number < 40; number++) {
      await record(database, number, { verdict: "pass" });
      await label(database, number, number < 30 ? "crack" : "good");
    }
    const sample = await randomErrors(database, { project: "p" }, 10, 1);
    expect(new Set(sample.map(({ id }) => id)).size).toBe(10);
    expect(sample.every(({ outcome }) => outcome === "escape")).toBe(true);
    expect(await randomErrors(database, { project: "p" }, 10, 1)).toEqual(sample);
    expect(await randomErrors(database, { project: "p" }, 10, 2)).not.toEqual(sample);
    expect(await randomErrors(database, { project: "p" }, 100, 1)).toHaveLength(30);
  });

  test("the queue of suspected labels starts with the worst", async () => {
    const database = await fresh();
    const suspicions = [0.2, 0.9, null, 0.5, 0.9];
    for (const [number, suspicion] of suspicions.entries()) {
      await record(database, number, { device: number === 3 ? "cam-2" : "cam-1" });
      await label(database, number, "crack");
      await database.query
        .updateTable("cases")
        .set({ label_suspicion: suspicion })
        .where("id", "=", idOf(number))
        .execute();
    }
    const queue = async (filter: Partial<CaseFilter>, limit: number, beforeRow?: number) => {
      const page = { limit, order: "suspicion", ...(beforeRow === undefined ? {} : { beforeRow }) } as const;
      const { cases, nextBeforeRow } = await findCases(database, { project: "p", ...filter }, page);
      return { found: cases.map(({ id }) => Number.parseInt(id.slice(-12), 16)), nextBeforeRow };
    };
    const first = await queue({}, 2);
    expect(first.found).toEqual([4, 1]);
    expect(await queue({}, 2, first.nextBeforeRow ?? 0)).toEqual({ found: [3, 0], nextBeforeRow: null });
    expect((await queue({ devices: ["cam-1"] }, 10)).found).toEqual([4, 1, 0]);
  });
});
