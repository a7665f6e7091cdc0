import type { EmbeddingDistance } from "../../training/compare-embeddings.ts";
import { median } from "./throughput.ts";

export interface ContestantFigures {
  readonly name: string;
  readonly bytes: number;
  /** Median ms of each round, with 1 and with 2 threads. */
  readonly timesMs: readonly (readonly number[])[];
  readonly distance: EmbeddingDistance;
  readonly auroc: number;
  readonly verdictAgreement: number;
  readonly classAgreement: number;
}

export interface QuantizeFacts {
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly calibratedOn: number;
  readonly judged: number;
  readonly rounds: number;
}

/** Markdown; the first contestant is float32, the second our default, one named "peer" the other tool. */
export function quantizeReport(
  figures: readonly ContestantFigures[],
  { machine, calibratedOn, judged, rounds }: QuantizeFacts,
): string {
  const [float32, own] = figures;
  const peer = figures.find(({ name }) => name === "peer");
  const rows = figures.map(
    ({ name, bytes, timesMs, distance, auroc, verdictAgreement, classAgreement }) =>
      `| ${name} | ${(bytes / 1e6).toFixed(2)} | ${timesMs.map((times) => median(times).toFixed(2)).join(" | ")} | ` +
      `${distance.relative.toFixed(3)} | ${distance.withoutShift.toFixed(3)} | ${auroc.toFixed(4)} | ` +
      `${percent(verdictAgreement)} | ${percent(classAgreement)} |`,
  );
  return `${machine.cores} cores (${machine.cpu}), Node ${machine.node}; calibrated on ${calibratedOn} inputs, judged on ${judged} frames of other parts; times are medians of ${rounds} rounds run in turn.

| | MB | ms, 1 thread | ms, 2 threads | embedding distance | without shift | AUROC of the probe | same verdict | same class |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join("\n")}

| speed, round by round | 1 thread | 2 threads | aim |
| --- | ---: | ---: | ---: |
${ratioRow("ours / float32", own, float32, "2")}${ratioRow("ours / peer", own, peer, "0.95")}`;
}

function ratioRow(
  name: string,
  own: ContestantFigures | undefined,
  other: ContestantFigures | undefined,
  aim: string,
): string {
  if (own === undefined || other === undefined) return "";
  const columns = own.timesMs.map((times, column) => {
    const ratios = times.map((ms, round) => (other.timesMs[column]?.[round] ?? NaN) / ms).sort((a, b) => a - b);
    return `${median(ratios).toFixed(2)} (${(ratios[0] ?? NaN).toFixed(2)} to ${(ratios.at(-1) ?? NaN).toFixed(2)})`;
  });
  return `| ${name} | ${columns.join(" | ")} | ${aim} |\n`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
