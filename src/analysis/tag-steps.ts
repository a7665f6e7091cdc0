import { intervalText, percentText } from "../report/text.ts";
import type { ErrorTable, TagRow } from "./error-table.ts";
import { calledGap, type KnownFacts, type Proposal } from "./known-facts.ts";
import type { StepKind } from "./step-assumptions.ts";

/** A tag that surely holds less than this of the errors, and of what they cost, is not worth the work now. */
const WORTH_SHARE = 0.1;
const MOST_TAGS = 5;

/** One step for each tag that may hold a tenth of the errors, most errors first. */
export function tagSteps(facts: KnownFacts): Proposal[] {
  const { table } = facts;
  if (table === null) return [];
  return table.tags
    .filter((row) => row.errors > 0 && isWorth(row, table))
    .slice(0, MOST_TAGS)
    .map((row): Proposal => {
      const { low, high } = row.shareOfErrors.interval;
      const kind = kindFor(row.tag, facts);
      return {
        rule: "work-on-tag",
        kind,
        title: titleFor(kind, row.tag),
        reason: tagSentence(row, table),
        figures: {
          errors: row.errors,
          shareOfErrors: row.shareOfErrors.share,
          ceiling: row.ceiling.accuracy,
          ...(row.cost.amount === null ? {} : { cost: row.cost.amount }),
        },
        most: row.ceiling.gain,
        interval: { low: low * table.errorRate.share, high: high * table.errorRate.share },
      };
    });
}

/** A sentence for each tag whose ceiling is too low to be worth the work. */
export const leaveTags = ({ table }: KnownFacts): string[] =>
  table === null
    ? []
    : table.tags
        .filter((row) => row.errors > 0 && !isWorth(row, table))
        .map((row) => `Leave ${quoted(row.tag)} for now: ${tagSentence(row, table)}`);

function isWorth({ shareOfErrors, cost }: TagRow, table: ErrorTable): boolean {
  const shareOfCost = cost.amount === null || !table.cost.amount ? 0 : cost.amount / table.cost.amount;
  return shareOfErrors.interval.high >= WORTH_SHARE || shareOfCost >= WORTH_SHARE;
}

function tagSentence({ tag, errors, shareOfErrors, ceiling, cost, trend }: TagRow, table: ErrorTable): string {
  const price = cost.amount === null || cost.amount === 0 ? "" : `, cost ${Number(cost.amount.toPrecision(4))}`;
  const grew = trend?.verdict === "grew" ? " It grew with the last version." : "";
  return (
    `${errors} of ${table.errors} errors are ${quoted(tag)} (${intervalText(shareOfErrors.interval)} of them${price}); ` +
    `solving all of it takes the accuracy from ${percentText(table.accuracy)} to ${percentText(ceiling.accuracy)} at most.${grew}`
  );
}

/** What kind of work a tag needs, as far as the diagnosis tells. */
function kindFor(tag: string, facts: KnownFacts): StepKind {
  if (/\b(mis|wrong|incorrect)\w*.?label/i.test(tag) || /\blabel(l?ing)? (error|noise)/i.test(tag)) return "relabel";
  if (facts.task === "images" && /\b(blur|glare|dark|light|focus|reflection|shadow|exposure)/i.test(tag))
    return "camera";
  if (calledGap(facts, "variance") ?? calledGap(facts, "mismatch")) return "collect";
  return calledGap(facts, "avoidable-bias") === undefined ? "collect" : "feature";
}

function titleFor(kind: StepKind, tag: string): string {
  const name = quoted(tag);
  if (kind === "relabel") return `Correct the labels of ${name}`;
  if (kind === "camera") return `Change camera or light so that ${name} no longer occurs`;
  if (kind === "feature") return `Give the model what it needs to tell ${name} apart`;
  return `Collect ${name}, or synthesise it, and give the model what tells it apart`;
}

const quoted = (tag: string): string => `“${tag}”`;
