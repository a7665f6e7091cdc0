import type { IntakeFigures } from "./hub-intake.ts";
import { type Question, QUESTIONS, type Times } from "./hub-queries.ts";

export interface HubFigures {
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly engine: string;
  readonly runs: number;
  readonly sizes: readonly SizeFigures[];
  readonly intake: IntakeFigures | null;
}

export interface SizeFigures {
  readonly cases: number;
  readonly fillSeconds: number;
  readonly times: Record<Question, Times>;
}

const AIM_MS: Readonly<Record<Question, number>> = {
  filter: 50,
  page: 50,
  "rare combination": 50,
  count: 50,
  "error table": 50,
  "similar cases": 100,
};
const AIM_RATIO = 1.5;
const AIM_CASES_PER_SECOND = 300;

const count = (cases: number): string => cases.toLocaleString("en");
const ms = ({ p50Ms, p95Ms }: Times): string => `${p50Ms.toFixed(1)} / ${p95Ms.toFixed(1)}`;

/** Markdown: p50 / p95 of every question at every size, and what growth costs. */
export function hubReport({ machine, engine, runs, sizes, intake }: HubFigures): string {
  const first = sizes[0];
  const last = sizes.at(-1);
  const ratio = (question: Question, of: (times: Times) => number): string =>
    first === undefined || last === undefined ? "-" : (of(last.times[question]) / of(first.times[question])).toFixed(2);
  const rows = QUESTIONS.map(
    (question) =>
      `| ${question} | ${sizes.map(({ times }) => ms(times[question])).join(" | ")} | ` +
      `${ratio(question, ({ p50Ms }) => p50Ms)} / ${ratio(question, ({ p95Ms }) => p95Ms)} | ${AIM_MS[question]} |\n`,
  );
  const taken =
    intake === null
      ? ""
      : `\nIntake through HTTP, a hub of its own process on SQLite and a folder, ${count(intake.cases)} cases with an image ` +
        `of ${Math.round(intake.imageBytes / 1000)} KB each over ${intake.connections} connections: ` +
        `${intake.casesPerSecond.toFixed(0)} cases/s (aim ${AIM_CASES_PER_SECOND}); a case takes ` +
        `${intake.p50Ms.toFixed(0)} ms (p50), ${intake.p95Ms.toFixed(0)} ms (p95).\n`;
  return (
    `${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${engine}; every question ${runs} times with random ` +
    `values; p50 / p95, ms; the aim is for p95, and for the ratio at most ${AIM_RATIO}.\n\n` +
    `| cases | ${sizes.map(({ cases }) => count(cases)).join(" | ")} | ratio, last to first | aim, ms |\n` +
    `| --- | ${sizes.map(() => "---:").join(" | ")} | ---: | ---: |\n${rows.join("")}${taken}`
  );
}
