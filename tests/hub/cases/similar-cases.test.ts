import { expect, test } from "vitest";
import { recordCases } from "../../../src/hub/cases/record-case.ts";
import { SimilarityIndex, similarCases } from "../../../src/hub/cases/similar-cases.ts";
import { openDatabase } from "../../../src/hub/store/database.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { onBothEngines } from "../support/both-engines.ts";
import { addProject, idOf, makeUpload } from "../support/make-upload.ts";

const DIMENSIONS = 96;
const GROUPS = 20;

/** Like a network's: what all share is large, groups of looks lie around it, each with noise. */
function embeddings(count: number): Float32Array[] {
  const random = seededRandom(7);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Array.from({ length: GROUPS }, () => Float32Array.from({ length: DIMENSIONS }, normal));
  return Array.from({ length: count }, (_, at) =>
    Float32Array.from({ length: DIMENSIONS }, (_, axis) => 5 + (centres[at % GROUPS]?.[axis] ?? 0) + 0.5 * normal()),
  );
}

const cosine = (left: Float32Array, right: Float32Array): number => {
  const dot = (one: Float32Array, other: Float32Array): number =>
    one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
  return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
};

onBothEngines((engine) => {
  test("the most alike are found as a full comparison finds them, also cases that came later", async () => {
    const settings = engine.emptyDatabase();
    const database = await openDatabase(settings);
    await addProject(database, "p");
    await addProject(database, "other");
    const vectors = embeddings(3000);
    const record = (from: number, to: number, project: string) =>
      recordCases(
        database,
        vectors.slice(from, to).map((embedding, at) => ({
          upload: makeUpload(from + at, { embedding }),
          project,
          receivedAt: 0,
        })),
      );
    await record(0, 2000, "p");
    await record(2000, 2500, "other");
    const index = new SimilarityIndex(settings, systemClock);
    await index.start();
    await similarCases(index, idOf(0), 1);
    await record(2500, 3000, "p");
    let found = 0;
    for (let asked = 0; asked < 20; asked++) {
      const vector = vectors[asked] ?? new Float32Array();
      const expected = [...vectors.entries()]
        .filter(([at]) => at !== asked && (at < 2000 || at >= 2500))
        .map(([at, other]) => ({ id: idOf(at), similarity: cosine(vector, other) }))
        .sort((left, right) => right.similarity - left.similarity)
        .slice(0, 10);
      const cases = await similarCases(index, idOf(asked), 10);
      expect(cases).toHaveLength(10);
      expect(cases.map(({ similarity }) => similarity)).toEqual(
        cases.map(({ similarity }) => similarity).sort((left, right) => right - left),
      );
      const ids = new Set(cases.map((similar) => similar.case.id));
      found += expected.filter(({ id }) => ids.has(id)).length;
    }
    expect(found / 200).toBeGreaterThan(0.98);
    await recordCases(database, [{ upload: makeUpload(5000), project: "p", receivedAt: 0 }]);
    expect(await similarCases(index, idOf(5000), 10)).toEqual([]);
    expect(await similarCases(index, idOf(9999), 10)).toEqual([]);
    await index.stop();
    await expect(similarCases(index, idOf(0), 1)).rejects.toThrow(/not running/);
    await database.close();
  });
});
