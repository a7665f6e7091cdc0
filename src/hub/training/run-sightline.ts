import { execPath } from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { SightlineError } from "../../contracts/errors.ts";
import { startProgram } from "../../platform/child-program.ts";
import type { Clock } from "../../platform/clock.ts";
import { siblingModule } from "../../platform/sibling-module.ts";

export interface SightlineRun {
  readonly args: readonly string[];
  /** Folder of what can be computed again. */
  readonly cachePath: string;
  /** When it aborts, the program is killed, unless `mayFinish` says that it is asked with SIGINT first. */
  readonly signal: AbortSignal;
  readonly mayFinish?: (reason: unknown) => boolean;
  readonly onStderrLine?: (line: string) => void;
  readonly clock: Clock;
}

/** How long a program that was asked may write down what it has. */
const FINISH_WITHIN_MS = 15 * 60_000;
const QUIET = ["--disable-warning=ExperimentalWarning"];

/**
 * Runs `sightline COMMAND …` as a process of its own: the hub never loads what trains. Returns its standard output. Throws
 * `signal.reason` where it was killed, TRAINING_FAILED with its last words where it failed.
 */
export async function runSightline(run: SightlineRun): Promise<string> {
  const { args, signal, clock } = run;
  signal.throwIfAborted();
  const cli = fileURLToPath(siblingModule(import.meta.url, "../../cli"));
  const program = await startProgram({
    path: execPath,
    args: [...QUIET, cli, ...args],
    env: { XDG_CACHE_HOME: run.cachePath },
    ...(run.onStderrLine === undefined ? {} : { onStderrLine: run.onStderrLine }),
  });
  let killed = false;
  let cancelKill = (): void => undefined;
  const kill = (): void => {
    killed = true;
    killProcess(program.pid, "SIGKILL");
  };
  const onAbort = (): void => {
    if (run.mayFinish?.(signal.reason) !== true) return kill();
    killProcess(program.pid, "SIGINT");
    cancelKill = clock.after(FINISH_WITHIN_MS, kill);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const [output, end] = await Promise.all([text(program.output).catch(() => ""), program.ended]);
    if (killed) throw signal.reason;
    if (end.exitCode === 0) return output;
    throw new SightlineError("TRAINING_FAILED", `sightline ${args[0] ?? ""}: ${lastWords(program.stderrTail())}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
    cancelKill();
  }
}

function killProcess(pid: number, signal: "SIGINT" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}

/** The last line that is no progress; a command's own refusal begins with its name. */
function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("{"));
  const refusal = lines.findLast((line) => line.startsWith("sightline "));
  return (refusal ?? lines.at(-1) ?? "it ended without a word").replace(/^sightline \w+: /, "").slice(0, 2000);
}
