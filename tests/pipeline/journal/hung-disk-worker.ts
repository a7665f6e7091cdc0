import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort } from "node:worker_threads";
import type { LedgerQuestion, LedgerRequest } from "../../../src/pipeline/journal/ledger-messages.ts";

/** A journal's worker whose disk answers until it is opened and never again: it reads from a pipe without a writer. */
let directoryPath = "";
parentPort?.on("message", ({ call, request: text }: LedgerQuestion) => {
  const request = JSON.parse(text) as LedgerRequest;
  if (request.kind !== "open") readFileSync(join(directoryPath, "hang"));
  else directoryPath = request.options.directoryPath;
  const figures = {
    triggers: 0,
    verdicts: 0,
    lastRow: 0,
    sentRow: 0,
    acknowledgedRow: 0,
    bytes: 0,
    reserveHeld: true,
    sentence: null,
  };
  parentPort?.postMessage({ call, answer: { bootSeq: 1, interrupted: [], figures, results: [] } });
});
