import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";

/** Path of an executable file called `name` in the folders of `searchPath` (PATH unless told); undefined if none. */
export async function findProgram(name: string, searchPath = process.env["PATH"] ?? ""): Promise<string | undefined> {
  const candidates = isAbsolute(name)
    ? [name]
    : searchPath
        .split(delimiter)
        .filter((folder) => folder !== "")
        .map((folder) => join(folder, name));
  for (const candidate of candidates) {
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

export interface ProgramOptions {
  /** Absolute path, from `findProgram`. */
  readonly path: string;
  readonly args: readonly string[];
  /** Beside this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The descriptor whose bytes `output` carries: 1 is standard output; 3 keeps them apart from what is printed. */
  readonly outputFd?: 1 | 3;
  /** How much of the end of standard error is kept. */
  readonly stderrTailBytes?: number;
  /** Gets every line of standard error as it comes. */
  readonly onStderrLine?: (line: string) => void;
  /** The polite request of `stop`; some programs end cleanly only on SIGINT. */
  readonly stopSignal?: "SIGTERM" | "SIGINT";
  /** How long `stop` waits between the polite request and SIGKILL. */
  readonly stopGraceMs?: number;
}

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program: its output, the end of what it complained about, and a stop that is final. */
export interface ChildProgram {
  readonly pid: number;
  readonly output: Readable;
  /** Resolves when the process is gone and its pipes are closed; never rejects. */
  readonly ended: Promise<ProgramEnd>;
  stderrTail(): string;
  /** Asks, then kills; resolves when the process is gone. May be called again. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
let exitHooked = false;

/** Children must not outlive this process when it leaves by `process.exit` or an uncaught error. */
function killWithThisProcess(child: ChildProcess): void {
  if (!exitHooked) {
    exitHooked = true;
    process.once("exit", () => {
      for (const survivor of running) survivor.kill("SIGKILL");
    });
  }
  running.add(child);
  child.once("close", () => running.delete(child));
}

/** Starts a program; rejects with the system's error (ENOENT, EACCES, EMFILE…) when it cannot be started. */
export async function startProgram(options: ProgramOptions): Promise<ChildProgram> {
  const outputFd = options.outputFd ?? 1;
  const stdio: StdioOptions = outputFd === 1 ? ["ignore", "pipe", "pipe"] : ["ignore", "pipe", "pipe", "pipe"];
  const env = options.env === undefined ? {} : { env: { ...process.env, ...options.env } };
  const child = spawn(options.path, [...options.args], { stdio, ...env });
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once("close", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  killWithThisProcess(child);
  child.on("error", () => undefined); // a signal that could not be sent: the process is gone already
  const tail = keepTail(child.stderr, options.stderrTailBytes ?? 8192);
  if (child.stderr !== null && options.onStderrLine !== undefined) {
    createInterface({ input: child.stderr }).on("line", options.onStderrLine);
  }
  const output = child.stdio[outputFd] as Readable; // stdio above made it a pipe
  output.on("error", () => undefined); // ECONNRESET of a killed child; `ended` tells the story
  if (outputFd !== 1) child.stdout?.resume();
  return {
    pid: child.pid ?? 0,
    output,
    ended,
    stderrTail: tail,
    stop: () => stopChild(child, ended, options),
  };
}

function keepTail(stream: Readable | null, limitBytes: number): () => string {
  let kept = Buffer.alloc(0);
  stream?.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-limitBytes);
  });
  stream?.on("error", () => undefined);
  return () => kept.toString("utf8");
}

/** Two turns of the event loop: what a child had written before, to whichever descriptor, has been read after them. */
export async function earlierOutputRead(): Promise<void> {
  await turn();
  await turn();
}

async function stopChild(child: ChildProcess, ended: Promise<ProgramEnd>, options: ProgramOptions): Promise<void> {
  child.kill(options.stopSignal ?? "SIGTERM");
  // A child blocked in a write to us wakes up with EPIPE.
  for (const stream of child.stdio) stream?.destroy();
  const kill = setTimeout(() => child.kill("SIGKILL"), options.stopGraceMs ?? 500);
  await ended;
  clearTimeout(kill);
}

/** Runs a short program to its end and returns its standard output; undefined when it fails or takes too long. */
export async function programOutput(
  path: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    const program = await startProgram({ path, args });
    const kill = setTimeout(() => void program.stop(), timeoutMs);
    const output = await text(program.output);
    const { exitCode } = await program.ended;
    clearTimeout(kill);
    return exitCode === 0 ? output : undefined;
  } catch {
    return undefined;
  }
}
