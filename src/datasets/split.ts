import { createHmac } from "node:crypto";

export const SIDES = ["train", "validation", "test"] as const;
export type Side = (typeof SIDES)[number];
/** Column that names the side. */
export const SPLIT_COLUMN = "split";

/** Shares of the parts, together 1. */
export type SplitShares = Readonly<Record<Side, number>>;
/** What the hub splits by. Changed shares would move parts, so it offers no others. */
export const DEFAULT_SHARES: SplitShares = { train: 0.7, validation: 0.15, test: 0.15 };

/**
 * The side of a part: a function of project and part alone, so that it never moves when data grow, are relabelled or
 * come back from another hub. HMAC-SHA256 keyed with the project places the part on [0, 1); the shares cut that line.
 */
export function sideOf(project: string, part: string, shares: SplitShares = DEFAULT_SHARES): Side {
  const digest = createHmac("sha256", `sightline split 1\n${project}`).update(part, "utf8").digest();
  const place = digest.readUIntBE(0, 6) / 2 ** 48;
  if (place < shares.test) return "test";
  return place < shares.test + shares.validation ? "validation" : "train";
}

export interface SplitImage {
  readonly label: string;
  readonly part: string;
  readonly side: Side;
}

export interface ClassBalance {
  readonly label: string;
  /** On each side; a part that shows several classes counts for each. */
  readonly parts: Readonly<Record<Side, number>>;
  readonly frames: Readonly<Record<Side, number>>;
}

export interface SplitReport {
  readonly shares: SplitShares;
  /** Shares of the parts that came about. */
  readonly reached: SplitShares;
  readonly parts: Readonly<Record<Side, number>>;
  readonly frames: Readonly<Record<Side, number>>;
  readonly classes: readonly ClassBalance[];
  /** Sentences: classes that a side lacks. */
  readonly warnings: readonly string[];
}

/** What a split by part came to. */
export function splitReport(images: readonly SplitImage[], shares: SplitShares): SplitReport {
  const labels = [...new Set(images.map(({ label }) => label))].sort();
  const byLabel = Map.groupBy(images, ({ label }) => label);
  const parts = partsBySide(images);
  const all = SIDES.reduce((sum, side) => sum + parts[side], 0);
  const classes = labels.map((label): ClassBalance => {
    const ofLabel = byLabel.get(label) ?? [];
    return {
      label,
      parts: partsBySide(ofLabel),
      frames: perSide((side) => ofLabel.filter((i) => i.side === side).length),
    };
  });
  const warnings = classes.flatMap(({ label, parts: counts }) => {
    const missing = SIDES.filter((side) => counts[side] === 0 && shares[side] > 0);
    if (missing.length === 0) return [];
    const total = SIDES.reduce((sum, side) => sum + counts[side], 0);
    return [
      `class ${label} has no part on the side ${missing.join(" and ")} (${total === 1 ? "1 part" : `${total} parts`} in all): collect more of it`,
    ];
  });
  return {
    shares,
    reached: perSide((side) => (all === 0 ? 0 : parts[side] / all)),
    parts,
    frames: perSide((side) => images.filter((image) => image.side === side).length),
    classes,
    warnings,
  };
}

const perSide = (count: (side: Side) => number): Record<Side, number> => ({
  train: count("train"),
  validation: count("validation"),
  test: count("test"),
});

const partsBySide = (images: readonly SplitImage[]): Record<Side, number> =>
  perSide((side) => new Set(images.filter((image) => image.side === side).map(({ part }) => part)).size);
