import type { HardCaseReason, Verdict } from "../../contracts/verdict.ts";
import type { CaseOptions } from "./uplink-options.ts";

/** What is known of a frame besides its verdict. */
export interface Sight {
  /** Share of the model's reference frames that lie further out than this one's embedding; null: unknown. */
  readonly furtherOut: number | null;
  /** Its embedding in a few coordinates, in standard deviations of the reference; null: unknown. */
  readonly sketch: Float64Array | null;
  /** Whether a model that is tried judged it differently; null: none judged it, or not yet. */
  readonly disagreement: boolean | null;
}

export const NOTHING_SEEN: Sight = { furtherOut: null, sketch: null, disagreement: null };

export interface ReasonsFound {
  /** Without `audit` and `operator`, which are not found in a frame. */
  readonly reasons: readonly HardCaseReason[];
  /** How much the frame is worth to a person, more than 0; a frame that two models judge differently has 4. */
  readonly weight: number;
}

/** A disagreement shows an error of one model or the other; a novel frame is outside of what was learnt. */
const WEIGHTS = { disagreement: 4, novel: 2, uncertain: 1, fault: 0.5 } as const;

/** Why a frame is worth a person's look; of the reasons that are wanted. Pure. */
export function findReasons(
  verdict: Verdict,
  sight: Sight,
  options: Pick<CaseOptions, "reasons" | "uncertainMargin" | "novelBelow">,
): ReasonsFound {
  const margin = marginOf(verdict);
  const isNarrow = margin !== null && margin < options.uncertainMargin;
  const isNovel = sight.furtherOut !== null && sight.furtherOut < options.novelBelow;
  const weights = new Map<HardCaseReason, number>();
  if (verdict.hardCase.includes("uncertain") || isNarrow)
    weights.set("uncertain", WEIGHTS.uncertain * (2 - (margin ?? 1)));
  if (verdict.hardCase.includes("novel") || isNovel)
    weights.set("novel", WEIGHTS.novel * (2 - (isNovel ? (sight.furtherOut ?? 0) / options.novelBelow : 1)));
  if (verdict.hardCase.includes("disagreement") || sight.disagreement === true)
    weights.set("disagreement", WEIGHTS.disagreement);
  if (verdict.hardCase.includes("fault")) weights.set("fault", WEIGHTS.fault);
  const wanted = [...weights].filter(([reason]) => options.reasons.includes(reason));
  return { reasons: wanted.map(([reason]) => reason), weight: Math.max(0, ...wanted.map(([, weight]) => weight)) };
}

/** Between the two likeliest classes, 0 to 1; null where there are no scores. */
function marginOf({ scores }: Verdict): number | null {
  let first = -1;
  let second = -1;
  for (const score of Object.values(scores)) {
    if (score > first) [first, second] = [score, first];
    else if (score > second) second = score;
  }
  return second < 0 ? null : first - second;
}
