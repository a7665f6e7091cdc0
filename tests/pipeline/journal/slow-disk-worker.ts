import { parentPort } from "node:worker_threads";
import "../../../src/pipeline/journal/journal-worker.ts";

/** The journal's worker on a disk that takes many times as long for a commit as rows are gathered for one. */
const COMMIT_MS = 150;
const asleep = new Int32Array(new SharedArrayBuffer(4));
parentPort?.on("message", () => Atomics.wait(asleep, 0, 0, COMMIT_MS));
