import type { CaseSummary } from "./case-row.ts";

export interface PageRequest {
  readonly limit: number;
  /** `nextBeforeRow` of the page before; for "oldest" and "suspicion" too, whatever its name says. */
  readonly beforeRow?: number;
  /** "suspicion": only cases whose label is suspected, the worst first. */
  readonly order?: "newest" | "oldest" | "suspicion";
}

export interface Page {
  readonly cases: readonly CaseSummary[];
  /** null: this was the last page. A page may be short, even empty, and yet not be the last. */
  readonly nextBeforeRow: number | null;
}
