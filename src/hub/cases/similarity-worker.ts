import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../contracts/errors.ts";
import { type DatabaseSettings, openDatabase } from "../store/database.ts";
import type { SimilarityReply, SimilarityRequest } from "./similar-cases.ts";
import { SketchIndex } from "./sketch-index.ts";

/** The thread that scores: it has a connection of its own and never writes. One request after the other. */
const port = parentPort;
if (port === null) throw new Error("this module runs as a worker");
const settings = workerData as DatabaseSettings;
const database = await openDatabase(settings.engine === "postgres" ? { ...settings, connections: 1 } : settings);
const index = new SketchIndex(database);
let queue = index.refresh().catch(() => undefined); // whoever asks first is told

port.on("message", ({ id, caseId, count }: SimilarityRequest) => {
  queue = queue.then(async () => {
    const reply = await index.similarTo(caseId, count).then(
      (cases): SimilarityReply => ({ id, cases }),
      (error: unknown): SimilarityReply => ({ id, error: messageOf(error) }),
    );
    port.postMessage(reply);
  });
});
