import { parentPort } from "node:worker_threads";
import "../../../src/pipeline/journal/journal-worker.ts";

/** The journal's worker, which falls over at every fifth message: some before it has written, some after. */
let messages = 0;
parentPort?.on("message", () => {
  if (++messages % 5 !== 0) return;
  if (messages % 2 === 0) throw new Error("fell over before");
  setImmediate(() => setImmediate(() => process.exit(1)));
});
