import { parentPort } from "node:worker_threads";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import { LedgerKeeper } from "./ledger-keeper.ts";
import type { LedgerAnswers, LedgerQuestion, LedgerReply, LedgerRequest } from "./ledger-messages.ts";

/** Entry of the worker thread that owns the journal's file. One question after the other, in order. */
let keeper: LedgerKeeper | undefined;
let previous: Promise<void> = Promise.resolve();

async function answer(request: LedgerRequest): Promise<LedgerAnswers[keyof LedgerAnswers]> {
  if (request.kind === "open") {
    keeper = new LedgerKeeper(request.options);
    return keeper.open(request);
  }
  if (keeper === undefined) throw new SightlineError("JOURNAL_FULL", "the journal is not open");
  switch (request.kind) {
    case "write":
      return keeper.write(request.changes, request.atMs);
    case "tidy":
      return keeper.tidy(request.atMs);
    case "latest":
      return keeper.file.latest(request.limit);
    case "verdict":
      return keeper.file.verdict(request.id);
    case "request":
      return keeper.file.ofRequest(request.requestId);
    case "unsent":
      return keeper.file.unsent(request.afterRow, request.limit);
    case "unacknowledged":
      return keeper.file.unacknowledged(request.afterRow, request.limit);
    case "close":
      keeper.close();
      return null;
  }
}

const unforeseen = (error: unknown) => new SightlineError("JOURNAL_FULL", messageOf(error));

async function reply({ call, request }: LedgerQuestion): Promise<void> {
  let message: LedgerReply;
  try {
    message = { call, answer: await answer(JSON.parse(request) as LedgerRequest) }; // our own text, typed where it was made
  } catch (error) {
    const { code, detail } = error instanceof SightlineError ? error : unforeseen(error);
    message = { call, error: { code, detail } };
  }
  parentPort?.postMessage(message);
}

parentPort?.on("message", (question: LedgerQuestion) => {
  previous = previous.then(() => reply(question));
});
