import type { BenchResult } from "./bench-device.ts";
import { median, type Throughput } from "./throughput.ts";

export interface Round {
  /** One session with a thread a core, as a user would write it. */
  readonly bareThreads: Throughput;
  /** One-thread sessions in a process a core: what the machine gives at most. */
  readonly bareProcesses: Throughput;
  readonly raw: BenchResult;
  readonly jpeg: BenchResult;
  readonly peer: Throughput | null;
}

export interface PipelineFigures {
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly model: {
    readonly name: string;
    readonly version: string;
    readonly widthPx: number;
    readonly heightPx: number;
  };
  readonly workload: {
    readonly photographs: number;
    readonly frames: number;
    readonly raw: string;
    readonly broker: string;
  };
  readonly peerCommand: string | null;
  readonly rounds: readonly Round[];
}

const one = (value: number): string => value.toFixed(1);
const two = (value: number): string => value.toFixed(2);

/** Markdown: medians over the rounds, ratios round by round, with their range. */
export function pipelineReport(figures: PipelineFigures): string {
  const { machine, model, workload, rounds } = figures;
  const row = (name: string, pick: (round: Round) => Throughput | null): string => {
    const runs = rounds.map(pick).filter((run) => run !== null);
    if (runs.length === 0) return "";
    const of = (value: (run: Throughput) => number): number => median(runs.map(value));
    const p50 = of((run) => run.p50Ms);
    const p99 = of((run) => run.p99Ms);
    return `| ${name} | ${one(of((run) => run.framesPerSecond))} | ${two(p50)} | ${two(p99)} | ${two(p99 / p50)} |\n`;
  };
  const ratio = (name: string, aim: string, over: (round: Round) => number | null): string => {
    const ratios = rounds.map(over).filter((value) => value !== null);
    if (ratios.length === 0) return `| ${name} | not measured | ${aim} |\n`;
    return `| ${name} | ${two(median(ratios))} (${two(Math.min(...ratios))} to ${two(Math.max(...ratios))}) | ${aim} |\n`;
  };
  return (
    `${machine.cores} cores (${machine.cpu}), Node ${machine.node}; model ${model.name} ${model.version} at ` +
    `${model.widthPx}x${model.heightPx} px; ${workload.photographs} photographs, ${workload.frames} frames a run, ` +
    `broker: ${workload.broker}; medians of ${rounds.length} rounds.\n\n` +
    "| | frames/s | p50 ms | p99 ms | p99 / p50 |\n| --- | ---: | ---: | ---: | ---: |\n" +
    row(`bare loop, one session, ${machine.cores} threads`, (round) => round.bareThreads) +
    row(`bare loop, ${machine.cores} processes, one thread each`, (round) => round.bareProcesses) +
    row(`whole runtime, ${workload.raw} raw frames`, (round) => round.raw) +
    row("whole runtime, JPEG files", (round) => round.jpeg) +
    row("peer, the same JPEG files", (round) => round.peer) +
    "\n| ratio, round by round | median (range) | aim |\n| --- | ---: | ---: |\n" +
    ratio(
      "raw frames / bare loop with threads",
      "0.95",
      ({ raw, bareThreads }) => raw.framesPerSecond / bareThreads.framesPerSecond,
    ) +
    ratio(
      "raw frames / bare loop with processes",
      "-",
      ({ raw, bareProcesses }) => raw.framesPerSecond / bareProcesses.framesPerSecond,
    ) +
    ratio("JPEG files / peer", "1.2", ({ jpeg, peer }) =>
      peer === null ? null : jpeg.framesPerSecond / peer.framesPerSecond,
    )
  );
}
