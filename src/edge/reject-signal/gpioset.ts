import { spawn } from "node:child_process";
import { findProgram, programOutput } from "../../platform/child-program.ts";

/** libgpiod 1 (JetPack 6, Debian 12) and 2 (Debian 13) know different options. */
export interface Gpioset {
  readonly path: string;
  readonly major: 1 | 2;
}

/** The installed gpioset, or the sentence that says what is missing. */
export async function findGpioset(): Promise<Gpioset | string> {
  const path = await findProgram("gpioset");
  if (path === undefined) return "gpioset was not found on PATH; install it with: sudo apt-get install gpiod";
  const version = /v(\d+)\./.exec((await programOutput(path, ["--version"], 2_000)) ?? "")?.[1];
  if (version === "1" || version === "2") return { path, major: version === "1" ? 1 : 2 };
  return `${path} --version names neither libgpiod 1 nor 2; install the package gpiod of your distribution`;
}

/** The words of a command that switches the line off and ends. */
export const offCommand = ({ path, major }: Gpioset, chip: string, line: number): string[] =>
  major === 2 ? [path, "-c", chip, "-t", "0", `${line}=0`] : [path, "--mode=exit", chip, `${line}=0`];

/**
 * The words of a command that switches the line on and, `pulseMs` later, off by itself, even when this process has
 * been killed meanwhile. Version 1 cannot do both in one go: a shell does one after the other.
 */
export function pulseCommand({ path, major }: Gpioset, chip: string, line: number, pulseMs: number): string[] {
  if (major === 2) return [path, "-c", chip, "-t", `${pulseMs}ms,0`, `${line}=1`];
  const seconds = Math.floor(pulseMs / 1000);
  const script = '"$0" --mode=time --sec="$1" --usec="$2" "$3" "$4=1"; exec "$0" --mode=exit "$3" "$4=0"';
  return ["/bin/sh", "-c", script, path, String(seconds), String((pulseMs % 1000) * 1000), chip, String(line)];
}

export interface RunningCommand {
  /** Null when it ended as it should; else what it said. Never rejects. */
  readonly ended: Promise<string | null>;
  /** Ends it and what it started. */
  kill(): void;
}

/** In a process group of its own, so that `kill` reaches what a shell started. */
export function runCommand(words: readonly string[], onSpawned: () => void): RunningCommand {
  const [program = "", ...args] = words;
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString("utf8")).slice(-300)));
  child.once("spawn", onSpawned);
  const ended = new Promise<string | null>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? null : said.trim() || `ended with ${signal ?? `code ${code}`}`),
    );
  });
  const kill = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // gone in the meantime
    }
  };
  return { ended, kill };
}
