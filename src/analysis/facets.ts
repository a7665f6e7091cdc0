import { quantile } from "../statistics/intervals.ts";

/** One way to divide the items: by a metadata column, or by cluster. */
export interface Facet {
  readonly key: string;
  readonly values: readonly string[];
  /** Index into `values` of every item; -1: the item has none. */
  readonly codes: Int32Array;
}

/** Numbers with more different values than this are cut into bands. */
const MOST_NUMBERS = 12;
const BANDS = 4;

/** Facets of all metadata columns; items without a column, or with an empty value, belong to none of its slices. */
export function metadataFacets(items: readonly { readonly metadata: Readonly<Record<string, string>> }[]): Facet[] {
  const keys = [...new Set(items.flatMap(({ metadata }) => Object.keys(metadata)))].sort();
  return keys.flatMap((key) => {
    const texts = items.map(({ metadata }) => metadata[key] ?? "");
    const present = texts.filter((text) => text !== "");
    const distinct = [...new Set(present)];
    const facet =
      distinct.length > MOST_NUMBERS && distinct.every((text) => Number.isFinite(Number(text)))
        ? bandFacet(key, texts)
        : valueFacet(key, texts, distinct);
    // One value tells nothing apart, and as many as items are names.
    return facet.values.length < 2 && present.length === items.length ? [] : [facet];
  });
}

function valueFacet(key: string, texts: readonly string[], distinct: readonly string[]): Facet {
  const values = [...distinct].sort();
  const codeOf = new Map(values.map((value, code) => [value, code]));
  return { key, values, codes: Int32Array.from(texts, (text) => codeOf.get(text) ?? -1) };
}

/** Four bands of about equal size; their edges know nothing of the errors, so they may come from all data. */
function bandFacet(key: string, texts: readonly string[]): Facet {
  const sorted = texts
    .filter((text) => text !== "")
    .map(Number)
    .sort((a, b) => a - b);
  const cuts = Array.from({ length: BANDS - 1 }, (_, index) => quantile(sorted, (index + 1) / BANDS));
  const edges = [...new Set(cuts)];
  const shown = (edge: number | undefined): string => String(Number((edge ?? NaN).toPrecision(4)));
  const values = [...edges.keys(), edges.length].map((band) =>
    band === 0
      ? `up to ${shown(edges[0])}`
      : band === edges.length
        ? `above ${shown(edges.at(-1))}`
        : `above ${shown(edges[band - 1])} up to ${shown(edges[band])}`,
  );
  const bandOf = (text: string): number => (text === "" ? -1 : edges.filter((edge) => Number(text) > edge).length);
  return { key, values, codes: Int32Array.from(texts, bandOf) };
}
