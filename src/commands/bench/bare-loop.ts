import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { siblingModule } from "../../platform/sibling-module.ts";
import type { Throughput } from "./throughput.ts";

const Report = z.object({ runs: z.number(), elapsedMs: z.number(), p50Ms: z.number(), p99Ms: z.number() });

export interface BareLoop {
  readonly modelPath: string;
  readonly heightPx: number;
  readonly widthPx: number;
  readonly processes: number;
  readonly threadsPerProcess: number;
  /** Runs in each process. */
  readonly runs: number;
}

/** `session.run` in a loop, in `processes` processes at once that start together. */
export async function bareLoop(loop: BareLoop): Promise<Throughput> {
  const program = fileURLToPath(siblingModule(import.meta.url, "bare-loop-process"));
  const args = [loop.modelPath, loop.heightPx, loop.widthPx, loop.threadsPerProcess, loop.runs].map(String);
  const children = Array.from({ length: loop.processes }, () =>
    fork(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
  );
  await Promise.all(children.map((child) => message(child)));
  const reports = await Promise.all(
    children.map(async (child) => {
      const report = message(child);
      child.send("go");
      return Report.parse(await report);
    }),
  );
  await Promise.all(children.map((child) => (child.exitCode === null ? once(child, "exit") : undefined)));
  const elapsedMs = Math.max(...reports.map((report) => report.elapsedMs));
  return {
    framesPerSecond: (reports.reduce((total, report) => total + report.runs, 0) * 1000) / elapsedMs,
    p50Ms: Math.max(...reports.map((report) => report.p50Ms)),
    p99Ms: Math.max(...reports.map((report) => report.p99Ms)),
  };
}

async function message(child: ChildProcess): Promise<unknown> {
  const [received] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => {
      throw new Error("the bare loop's process ended before it was done");
    }),
  ])) as [unknown];
  return received;
}
