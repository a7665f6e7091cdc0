import type { LabelledImage, RefusedFile } from "./data-folder.ts";
import { shownName } from "./file-name.ts";

/** A labelled image with what its file holds. */
export interface CheckedImage {
  readonly image: LabelledImage;
  readonly sha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface SortedOut {
  readonly kept: readonly CheckedImage[];
  readonly refused: readonly RefusedFile[];
  /** Further copies of kept images, of the same label. */
  readonly copies: readonly RefusedFile[];
}

/**
 * One of all files of the same content, the first. Where their labels differ none is kept: nobody can tell which is right,
 * and a guess would teach the wrong one half of the time.
 */
export function sortOut(checked: readonly CheckedImage[]): SortedOut {
  const byContent = Map.groupBy(checked, ({ sha256 }) => sha256);
  const kept: CheckedImage[] = [];
  const refused: RefusedFile[] = [];
  const copies: RefusedFile[] = [];
  for (const equal of byContent.values()) {
    const labels = new Set(equal.map(({ image }) => image.label));
    const [first, ...rest] = equal;
    if (first === undefined) continue;
    if (labels.size === 1) {
      kept.push(first);
      copies.push(
        ...rest.map(({ image }) => ({ file: image.file, reason: `the same bytes as ${shownName(first.image.file)}` })),
      );
      continue;
    }
    for (const { image } of equal) {
      const others = equal.filter((other) => other.image.label !== image.label);
      const named = others.map((other) => `${shownName(other.image.file)} (${other.image.label})`).slice(0, 3);
      refused.push({ file: image.file, reason: `labelled ${image.label}, but the same bytes as ${named.join(", ")}` });
    }
  }
  return { kept, refused, copies };
}
