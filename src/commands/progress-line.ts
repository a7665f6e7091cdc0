import type { MonotonicMs } from "../platform/clock.ts";

export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 100;
/** Without a terminal: one line for each quarter of a stage. */
const PLAIN_STEPS = 4;

/** Reports `done` of `total` steps of a stage; `detail` is shown behind the bar. */
export type Progress = (stage: string, done: number, total: number, detail?: string) => void;

/**
 * Progress of a command in stages: a bar with the time left where `output` is a terminal, else a plain line now and
 * then. The clock is read through `tick`.
 */
export function progressLine(output: ProgressOutput, tick: () => MonotonicMs): Progress {
  let current = "";
  let startTick = tick();
  let startDone = 0;
  let drawnTick = 0;
  let plainStep = 0;
  return (stage, done, total, detail = "") => {
    if (stage !== current) {
      current = stage;
      startTick = tick();
      // The clock of a stage starts with its first report.
      startDone = done;
      drawnTick = 0;
      plainStep = 0;
    }
    const finished = done >= total;
    if (output.isTTY === true) {
      if (!finished && tick() - drawnTick < REDRAW_MS) return;
      drawnTick = tick();
      const leftMs = ((tick() - startTick) / Math.max(1, done - startDone)) * (total - done);
      const filled = Math.round((done / total) * BAR_WIDTH);
      const bar = `${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}`;
      output.write(
        `\r${stage.padEnd(22)} [${bar}] ${done}/${total}, ${timeLeft(leftMs)} left  ${detail}   ${finished ? "\n" : ""}`,
      );
      return;
    }
    const step = Math.floor((done / total) * PLAIN_STEPS);
    if (step === plainStep && !finished) return;
    if (step > plainStep) output.write(`${stage} ${done}/${total}${detail === "" ? "" : ` ${detail}`}\n`);
    plainStep = step;
  };
}

const LINE_MS = 200;

/** Progress for a program that started this one: a JSON line a while, and for the last step of each stage. */
export function progressLines(output: ProgressOutput, tick: () => MonotonicMs): Progress {
  let current = "";
  let writtenTick = 0;
  return (stage, done, total, detail = "") => {
    if (stage === current && done < total && tick() - writtenTick < LINE_MS) return;
    current = stage;
    writtenTick = tick();
    output.write(`${JSON.stringify({ stage, done, total, detail })}\n`);
  };
}

function timeLeft(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
