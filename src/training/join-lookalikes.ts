import type { ModelClass } from "../contracts/model-bundle.ts";
import { joinedNames } from "../datasets/joined-names.ts";
import { lookalikes, surfacePrint } from "../datasets/lookalikes.ts";
import type { LearningSet } from "./learning-set.ts";
import type { PixelStore, StoredRegion } from "./pixel-store.ts";

/** Parts that turned out to be one, and the good pictures among them that a defective one contradicts. */
export interface JoinedParts {
  /** Part ids that are one part, two or more each, sorted. */
  readonly joined: readonly (readonly string[])[];
  /** Files that neither teach nor judge, sorted. */
  readonly contradicted: readonly string[];
}

interface Gathered {
  readonly set: LearningSet;
  readonly store: PixelStore;
}

/**
 * Pictures of one surface under several part ids make those ids one part, or a split by part would not be one: what was
 * learned from a part would be judged on it. Where such pictures are labelled both good and defective, the good ones of those
 * parts are left out: nobody can tell which is right, somebody saw a defect there, and a defect taken for good costs more.
 * Regions must be whole frames.
 */
export function joinLookalikes(
  { set, store }: Gathered,
  classes: readonly ModelClass[],
): Gathered & { readonly found: JoinedParts } {
  const { regions } = store;
  const isGood = ({ classIndex }: StoredRegion): boolean => classes[classIndex]?.kind === "good";
  const pairs = lookalikes(
    regions.map(({ canvas, frameSize }) => surfacePrint(canvas, frameSize.widthPx / frameSize.heightPx)),
    (first, second) => regions[first]?.group !== regions[second]?.group,
  ).flatMap(({ first, second }) => {
    const [one, other] = [regions[first], regions[second]];
    return one === undefined || other === undefined ? [] : [{ one, other }];
  });
  const partOf = joinedNames(pairs.map(({ one, other }) => [one.group, other.group]));
  const doubted = new Set(
    pairs
      .filter(({ one, other }) => isGood(one) !== isGood(other))
      .map(({ one, other }) => (isGood(one) ? one : other).group),
  );
  const isLeftOut = (region: StoredRegion): boolean => isGood(region) && doubted.has(region.group);
  const joined = <T extends { readonly group: string }>(one: T): T => ({
    ...one,
    group: partOf.get(one.group) ?? one.group,
  });
  const byPart = Map.groupBy([...partOf.keys()].sort(), (group) => partOf.get(group) ?? group);
  const leftOut = new Set(regions.filter(isLeftOut).map(({ sampleIndex }) => sampleIndex));
  return {
    set: { ...set, samples: set.samples.map(joined) },
    store: { ...store, regions: regions.filter((region) => !isLeftOut(region)).map(joined) },
    found: {
      joined: [...byPart.values()].map((names) => names.map(withoutSource)),
      contradicted: set.samples.flatMap(({ image }, index) => (leftOut.has(index) ? [image.file] : [])).sort(),
    },
  };
}

/** Part ids begin with the number of their data folder, see learning-set.ts. */
const withoutSource = (group: string): string => group.slice(group.indexOf(":") + 1);

/** What a person should know of it, as warnings. */
export function lookalikeSentences({ joined, contradicted }: JoinedParts): string[] {
  const sentences: string[] = [];
  if (joined.length > 0) {
    const named = joined.map((names) => names.join(" = ")).join("; ");
    sentences.push(`pictures under several part ids show one part, which stays on one side of every split: ${named}`);
  }
  if (contradicted.length > 0) {
    const shown = contradicted.slice(0, FILES_NAMED).join(", ");
    const more = contradicted.length > FILES_NAMED ? ` and ${contradicted.length - FILES_NAMED} more` : "";
    const what =
      "labelled good, but the same part is labelled defective under another id: left out; look at them and relabel";
    sentences.push(`${what}: ${shown}${more}`);
  }
  return sentences;
}

const FILES_NAMED = 20;
