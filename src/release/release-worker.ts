import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../platform/clock.ts";
import { ReleaseClient } from "./release-client.ts";
import type { WorkerMessage, WorkerOrder } from "./release-thread.ts";

const { settings, product, clockSynced } = workerData as WorkerOrder;
const say = (message: WorkerMessage): void => parentPort?.postMessage(message);
const client = new ReleaseClient({
  ...settings,
  clock: systemClock,
  clockSynced: () => clockSynced,
  onProgress: (done, total) => say({ kind: "progress", done, total }),
});
say({ kind: "result", result: await client.check(product) });
