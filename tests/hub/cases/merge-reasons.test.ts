import { expect, onTestFinished, test } from "vitest";
import type { HardCaseReason } from "../../../src/contracts/verdict.ts";
import { caseById, findCases } from "../../../src/hub/cases/find-cases.ts";
import { recordCase, recordCases } from "../../../src/hub/cases/record-case.ts";
import { type Database, openDatabase } from "../../../src/hub/store/database.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { addProject, idOf, makeUpload, START, type Wishes } from "../support/make-upload.ts";

onBothEngines((engine) => {
  const fresh = async (): Promise<Database> => {
    const database = await engine.open();
    await addProject(database, "p");
    return database;
  };
  const arrived = (number: number, reasons: readonly HardCaseReason[], wishes: Wishes = {}) => ({
    upload: { ...makeUpload(number, wishes), reasons: [...reasons], selectionProbability: 0.25 },
    project: "p",
    receivedAt: START,
  });
  const withReason = async (database: Database, reason: HardCaseReason): Promise<string[]> => {
    const { cases } = await findCases(database, { project: "p", reasons: [reason] }, { limit: 100 });
    return cases.map(({ id }) => id);
  };
  const facetsOf = async (database: Database) =>
    database.query.selectFrom("case_facets").selectAll().orderBy("facet").orderBy("case_row").execute();

  test("a reason that comes later is added and found, and nothing else of the case changes", async () => {
    const database = await fresh();
    await recordCase(database, arrived(1, ["uncertain"]));
    const before = await caseById(database, idOf(1));
    const later = arrived(1, ["operator"], { metadata: { flaggedBy: "Ann" }, class: "other" });
    const without = { ...later.upload, selectionProbability: null, embedding: null, line: "elsewhere" };
    for (let time = 0; time < 2; time++)
      expect(await recordCase(database, { ...later, upload: without, receivedAt: START + 99 })).toBe("known");
    expect(await caseById(database, idOf(1))).toEqual({ ...before, reasons: ["uncertain", "operator"] });
    expect(await withReason(database, "operator")).toEqual([idOf(1)]);
    expect(await withReason(database, "uncertain")).toEqual([idOf(1)]);
    const facets = await facetsOf(database);
    await recordCase(database, arrived(1, ["uncertain", "operator"]));
    expect(await facetsOf(database), "no fact twice").toEqual(facets);
  });

  test("reasons that come at once by several connections are all kept, each once", async () => {
    const settings = engine.emptyDatabase();
    // Two of SQLite in one thread would wait for each other for ever: there requests share one connection.
    const databases = [await openDatabase(settings)];
    if (settings.engine === "postgres") databases.push(await openDatabase(settings));
    onTestFinished(async () => void (await Promise.all(databases.map((database) => database.close()))));
    const [one] = databases;
    if (one === undefined) throw new Error("no database");
    await addProject(one, "p");
    await recordCases(one, [arrived(1, ["uncertain"]), arrived(2, ["uncertain"])]);
    const more = ["operator", "novel", "disagreement", "operator"] as const;
    const orders = more.map((reason, at) => {
      const both = [arrived(1, [reason]), arrived(2, [reason])];
      return at % 2 === 0 ? both : both.toReversed();
    });
    const answers = await Promise.all(
      databases.flatMap((database) => orders.map((batch) => recordCases(database, batch))),
    );
    expect(new Set(answers.flat())).toEqual(new Set(["known"]));
    for (const number of [1, 2])
      expect((await caseById(one, idOf(number)))?.reasons).toEqual(["uncertain", "novel", "disagreement", "operator"]);
    for (const reason of more) expect((await withReason(one, reason)).toSorted()).toEqual([idOf(1), idOf(2)]);
  });

  test("a case that arrives for the first time at once for two reasons has both", async () => {
    const database = await fresh();
    const reasons = ["uncertain", "operator", "novel"] as const;
    const answers = await Promise.all(reasons.map((reason) => recordCase(database, arrived(1, [reason]))));
    expect(answers.toSorted()).toEqual(["known", "known", "new"]);
    expect((await caseById(database, idOf(1)))?.reasons).toEqual(["uncertain", "novel", "operator"]);
    expect(await recordCases(database, [arrived(2, ["fault"]), arrived(2, ["audit"])])).toEqual(["new", "known"]);
    expect((await caseById(database, idOf(2)))?.reasons).toEqual(["audit", "fault"]);
  });

  test("another device adds no reason to a case", async () => {
    const database = await fresh();
    await recordCase(database, arrived(1, ["uncertain"]));
    const foreign = arrived(1, ["operator"], { device: "cam-2" });
    await expect(recordCase(database, foreign)).rejects.toThrow(/was sent by another device/);
    expect((await caseById(database, idOf(1)))?.reasons).toEqual(["uncertain"]);
    expect(await withReason(database, "operator")).toEqual([]);
  });
});
