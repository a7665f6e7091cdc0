import type { Worker } from "node:worker_threads";
import type { Clock } from "./clock.ts";
import { settledWithin } from "./patience.ts";

/**
 * Ends a worker's thread. One that is stuck in a system call (a disk or a file server that does not answer) is left
 * behind after `withinMs`. Node would wait for it at the end of the process, for ever: the process is killed there.
 */
export async function endThread(worker: Worker, clock: Clock, withinMs: number): Promise<void> {
  const leaveAnyway = (): void => void process.kill(process.pid, "SIGKILL");
  process.once("exit", leaveAnyway);
  const ended = worker.terminate().finally(() => process.removeListener("exit", leaveAnyway));
  worker.unref(); // after terminate, which refs it
  await settledWithin(clock, withinMs, ended);
}
