/** Finds cases that look like another; the composition root puts the index of hub/cases behind it. */
export interface SimilarFinder {
  /** Nearest first, without the case itself; none where the case has no embedding. Similarity -1 to 1. */
  similar(caseId: string, count: number): Promise<readonly { readonly id: string; readonly similarity: number }[]>;
}
