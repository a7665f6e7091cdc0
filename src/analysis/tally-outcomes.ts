import { isError, isJudged, type OutcomeCell } from "./outcome-cell.ts";

/** Counts of one model version, of all its cases or of those with one tag. */
export interface OutcomeTally {
  /** Judged, right or wrong. */
  cases: number;
  errors: number;
  escapes: number;
  overkills: number;
  wrongClasses: number;
  /** Errors that carry no other tag; of all cases, no tag at all. */
  alone: number;
}

export interface VersionTally {
  readonly all: OutcomeTally;
  readonly byTag: ReadonlyMap<string, OutcomeTally>;
  readonly undecided: number;
  readonly faults: number;
}

const emptyTally = (): OutcomeTally => ({
  cases: 0,
  errors: 0,
  escapes: 0,
  overkills: 0,
  wrongClasses: 0,
  alone: 0,
});

/** One pass over the cells, however many tags and versions there are; in order of appearance. */
export function tallyOutcomes(counts: readonly OutcomeCell[]): ReadonlyMap<string, VersionTally> {
  const versions = new Map<
    string,
    { all: OutcomeTally; byTag: Map<string, OutcomeTally>; undecided: number; faults: number }
  >();
  for (const cell of counts) {
    let version = versions.get(cell.modelVersion);
    if (version === undefined) {
      version = { all: emptyTally(), byTag: new Map(), undecided: 0, faults: 0 };
      versions.set(cell.modelVersion, version);
    }
    if (cell.outcome === "undecided") version.undecided += cell.cases;
    if (cell.outcome === "fault") version.faults += cell.cases;
    add(version.all, cell, cell.tags.length === 0);
    for (const tag of cell.tags) {
      let tally = version.byTag.get(tag);
      if (tally === undefined) {
        tally = emptyTally();
        version.byTag.set(tag, tally);
      }
      add(tally, cell, cell.tags.length === 1);
    }
  }
  return versions;
}

function add(tally: OutcomeTally, { outcome, cases }: OutcomeCell, alone: boolean): void {
  if (!isJudged(outcome)) return;
  tally.cases += cases;
  if (!isError(outcome)) return;
  tally.errors += cases;
  if (alone) tally.alone += cases;
  if (outcome === "escape") tally.escapes += cases;
  if (outcome === "overkill") tally.overkills += cases;
  if (outcome === "wrong-class") tally.wrongClasses += cases;
}
