import { seededRandom, shuffle } from "../platform/random.ts";
import type { Facet } from "./facets.ts";
import { SLICE_DEFAULTS, type SliceItem, type SliceOptions, type SliceReport, testFacets } from "./find-slices.ts";
import { kMeans, nearestCentre, normalised } from "./k-means.ts";
import { projected } from "./linear-head.ts";
import { halvesByGroup, SEARCH_HALF } from "./slice-halves.ts";

export interface EmbeddedSliceItem extends SliceItem {
  readonly embedding: ArrayLike<number>;
}

export interface EmbeddingSlice {
  /** "6 clusters" and the like: at which fineness it was found. */
  readonly clustering: string;
  /** For the example sheet: nearest to the centre of the cluster first, wrong ones before right ones. */
  readonly sheet: readonly { readonly id: string; readonly wrong: boolean }[];
}

export interface EmbeddingSliceReport extends Omit<SliceReport, "slices"> {
  readonly slices: readonly (SliceReport["slices"][number] & EmbeddingSlice)[];
}

/** A coarse and a fine look. */
const CLUSTER_COUNTS = [6, 15];
const MOST_DIMENSIONS = 64;
/** Centres hardly move with more; every case is assigned all the same. */
const MOST_CLUSTERED = 8000;
const SHEET_WRONG = 12;
const SHEET_RIGHT = 6;

/**
 * Slices nobody has a word for yet: clusters of similar cases in which errors are more frequent. Clusters are made on the
 * half that is searched, and the other half is assigned to them, so that the check is of new cases. Whether a cluster
 * means anything is for a person to see on its example sheet.
 */
export function findEmbeddingSlices(items: readonly EmbeddedSliceItem[], options: SliceOptions): EmbeddingSliceReport {
  const halves = halvesByGroup(items, options.seed);
  const vectors = projected(
    items.map(({ embedding }) => embedding),
    MOST_DIMENSIONS,
    options.seed,
  ).map(normalised);
  const searched = vectors.filter((_, item) => halves[item] === SEARCH_HALF);
  const sample = shuffle([...searched], seededRandom(options.seed)).slice(0, MOST_CLUSTERED);
  const support = options.minSupport ?? SLICE_DEFAULTS.minSupport;
  const clusterings = CLUSTER_COUNTS.filter((count) => searched.length >= count * support).map((count) => {
    const { centres } = kMeans(sample, count, options.seed);
    const nearest = vectors.map((vector) => nearestCentre(vector, centres));
    const facet: Facet = {
      key: `${count} clusters`,
      values: centres.map((_, index) => `cluster ${index + 1}`),
      codes: Int32Array.from(nearest, ({ centre }) => centre),
    };
    return { facet, nearest };
  });
  const report = testFacets(
    items,
    clusterings.map(({ facet }) => facet),
    halves,
    { ...options, pairs: false },
  );
  const slices = report.slices.map((slice) => {
    const [condition] = slice.conditions;
    const clustering = clusterings.find(({ facet }) => facet.key === condition?.key);
    const code = clustering?.facet.values.indexOf(condition?.value ?? "") ?? -1;
    const members = items
      .map(({ id, wrong }, item) => ({ id, wrong, ...(clustering?.nearest[item] ?? { centre: -1, distance: 0 }) }))
      .filter(({ centre }) => centre === code)
      .sort((one, other) => one.distance - other.distance)
      .map(({ id, wrong }) => ({ id, wrong }));
    return {
      ...slice,
      clustering: condition?.key ?? "",
      sheet: [
        ...members.filter(({ wrong }) => wrong).slice(0, SHEET_WRONG),
        ...members.filter(({ wrong }) => !wrong).slice(0, SHEET_RIGHT),
      ],
    };
  });
  return { ...report, slices };
}
