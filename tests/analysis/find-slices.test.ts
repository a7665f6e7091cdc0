import { describe, expect, test } from "vitest";
import { findEmbeddingSlices } from "../../src/analysis/embedding-slices.ts";
import { metadataFacets } from "../../src/analysis/facets.ts";
import { findSlices, type SliceItem } from "../../src/analysis/find-slices.ts";
import { kMeans, normalised } from "../../src/analysis/k-means.ts";
import { designEffect, halvesByGroup } from "../../src/analysis/slice-halves.ts";
import { seededRandom } from "../../src/platform/random.ts";

const SHIFTS = ["early", "late", "night"];

function madeItems(
  count: number,
  random: () => number,
  chance: (metadata: Readonly<Record<string, string>>) => number,
): SliceItem[] {
  return Array.from({ length: count }, (_, index) => {
    const metadata = {
      shift: SHIFTS[Math.floor(random() * 3)] ?? "",
      line: random() < 0.5 ? "a" : "b",
      lot: `lot${Math.floor(random() * 12)}`,
      degrees: (15 + 10 * random()).toFixed(2),
    };
    return { id: `${index}`, group: `${index}`, wrong: random() < chance(metadata), metadata };
  });
}

describe("slices of the metadata", () => {
  test("that were planted are found and confirmed, a pair as a pair", () => {
    const random = seededRandom(1);
    let found = 0;
    for (let seed = 0; seed < 20; seed++) {
      const items = madeItems(2000, random, ({ shift, line }) => (shift === "night" && line === "b" ? 0.3 : 0.1));
      const { slices } = findSlices(items, { seed });
      const own = slices.filter(({ confirmed, explainedBy }) => confirmed && explainedBy === null);
      if (own.some(({ conditions }) => conditions.map(({ value }) => value).join() === "b,night")) found++;
    }
    expect(found).toBeGreaterThanOrEqual(18);
  });

  test("that only contain a worse pair are explained by it", () => {
    const items = madeItems(4000, seededRandom(6), ({ shift, line }) =>
      shift === "night" && line === "b" ? 0.4 : 0.1,
    );
    const { slices } = findSlices(items, { seed: 1 });
    const night = slices.find(({ conditions }) => conditions.length === 1 && conditions[0]?.value === "night");
    expect(night).toMatchObject({ confirmed: true, explainedBy: [{ value: "b" }, { value: "night" }] });
  });

  test("are not called in noise", () => {
    const random = seededRandom(2);
    let [found, confirmed] = [0, 0];
    for (let seed = 0; seed < 150; seed++) {
      const { slices } = findSlices(
        madeItems(600, random, () => 0.1),
        { seed },
      );
      if (slices.length > 0) found++;
      if (slices.some((slice) => slice.confirmed)) confirmed++;
    }
    expect(found / 150).toBeLessThan(0.1);
    expect(confirmed / 150).toBeLessThan(0.03);
  });

  test("are not called in noise either when frames of a part are wrong together", () => {
    const random = seededRandom(3);
    let [found, confirmed] = [0, 0];
    for (let seed = 0; seed < 100; seed++) {
      const items = madeItems(150, random, () => 0.1).flatMap(({ id, metadata, wrong }) =>
        Array.from({ length: 6 }, (_, frame) => ({ id: `${id}-${frame}`, group: id, metadata, wrong })),
      );
      expect(designEffect(items)).toBeCloseTo(6, 0);
      const { slices } = findSlices(items, { seed });
      if (slices.length > 0) found++;
      if (slices.some((slice) => slice.confirmed)) confirmed++;
    }
    expect(found / 100).toBeLessThan(0.12);
    expect(confirmed / 100).toBeLessThan(0.04);
  });

  test("keep the share of false discoveries among many true ones", () => {
    const random = seededRandom(4);
    let [wrongCalls, calls] = [0, 0];
    for (let seed = 0; seed < 25; seed++) {
      // Lots 0 to 2 are worse, the other columns are noise.
      const items = madeItems(3000, random, ({ lot }) => (/^lot[012]$/.test(lot ?? "") ? 0.35 : 0.08));
      const { slices } = findSlices(items, { seed, pairs: false });
      const called = slices.filter(({ confirmed }) => confirmed);
      calls += called.length;
      wrongCalls += called.filter(({ conditions }) => !/^lot[012]$/.test(conditions[0]?.value ?? "")).length;
    }
    expect(calls).toBeGreaterThan(65);
    expect(wrongCalls / calls).toBeLessThan(0.05);
  });

  test("need support, and their figures are of the half they were not found on", () => {
    const items = madeItems(1000, seededRandom(9), ({ shift }) => (shift === "late" ? 0.5 : 0.05));
    const { slices, tried } = findSlices(items, { seed: 1, minSupport: 100, pairs: false });
    expect(tried).toBe(3 + 2 + 4);
    const late = slices[0];
    expect(late).toMatchObject({ conditions: [{ key: "shift", value: "late" }], confirmed: true });
    const half = halvesByGroup(items, 1);
    const fresh = items.filter(({ metadata }, index) => half[index] === 1 && metadata["shift"] === "late");
    expect(late?.inside).toMatchObject({ trials: fresh.length, hits: fresh.filter(({ wrong }) => wrong).length });
    expect(findSlices(items, { seed: 1, minSupport: 600 }).tried).toBe(0);
    expect(findSlices([], { seed: 1 })).toMatchObject({ tried: 0, slices: [] });
  });
});

test("halves never tear a group apart and are about equal", () => {
  const items = Array.from({ length: 999 }, (_, index) => ({ group: `part${index >> 2}` }));
  const halves = halvesByGroup(items, 5);
  const sides = new Map<string, Set<number>>();
  items.forEach(({ group }, index) => sides.set(group, (sides.get(group) ?? new Set()).add(halves[index] ?? -1)));
  expect([...sides.values()].every(({ size }) => size === 1)).toBe(true);
  expect(Math.abs(halves.reduce((sum, half) => sum + half, 0) - 499.5)).toBeLessThan(5);
});

test("numbers are cut into bands, words are not, and a missing value belongs nowhere", () => {
  const items = Array.from({ length: 40 }, (_, index) => ({
    metadata: { degrees: String(index), grade: String(index % 3), note: index < 5 ? "x" : "" },
  }));
  const [degrees, grade, note] = metadataFacets(items);
  expect(degrees?.values).toEqual(["up to 9.75", "above 9.75 up to 19.5", "above 19.5 up to 29.25", "above 29.25"]);
  expect([...(degrees?.codes ?? [])].filter((code) => code === 2)).toHaveLength(10);
  expect(grade?.values).toEqual(["0", "1", "2"]);
  expect(note?.codes[7]).toBe(-1);
});

describe("clusters of embeddings", () => {
  function clustered(count: number, random: () => number, worse: number | null) {
    const noise = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Array.from({ length: count }, (_, index) => {
      const cluster = Math.floor(random() * 8);
      const embedding = Float32Array.from({ length: 32 }, (_, at) => (at % 8 === cluster ? 3 : 0) + noise());
      return {
        id: `${cluster}-${index}`,
        group: `${index}`,
        wrong: random() < (cluster === worse ? 0.35 : 0.08),
        metadata: {},
        embedding,
      };
    });
  }

  test("with more errors are found, with an example sheet of their own kind", () => {
    const { slices } = findEmbeddingSlices(clustered(1200, seededRandom(1), 3), { seed: 1 });
    const confirmed = slices.filter((slice) => slice.confirmed);
    expect(confirmed.length).toBeGreaterThan(0);
    // At the coarser look a cluster may hold two kinds.
    const sheets = confirmed.map(({ sheet }) => sheet.filter(({ id }) => id.startsWith("3-")).length / sheet.length);
    expect(Math.max(...sheets)).toBe(1);
    expect(confirmed[0]?.sheet.length).toBeGreaterThan(10);
  });

  test("are not called in noise", () => {
    const random = seededRandom(2);
    const runs = Array.from({ length: 20 }, (_, seed) =>
      findEmbeddingSlices(clustered(400, random, null), { seed }).slices.filter(({ confirmed }) => confirmed),
    );
    expect(runs.filter(({ length }) => length > 0).length).toBeLessThanOrEqual(1);
  });

  test("are what was put in, whatever the seed", () => {
    const random = seededRandom(5);
    const vectors = Array.from({ length: 90 }, (_, index) =>
      normalised(Float64Array.from({ length: 3 }, (_, at) => (at === index % 3 ? 1 : 0) + 0.1 * random())),
    );
    for (const seed of [1, 2, 3]) {
      const { centres } = kMeans(vectors, 3, seed);
      const main = centres.map((centre) => centre.indexOf(Math.max(...centre))).sort();
      expect(main).toEqual([0, 1, 2]);
    }
    expect([...normalised([0, 0])]).toEqual([0, 0]);
  });
});
