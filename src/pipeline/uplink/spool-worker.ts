import { parentPort } from "node:worker_threads";
import { messageOf } from "../../contracts/errors.ts";
import { SpoolKeeper } from "./spool-keeper.ts";
import type { SpoolAnswers, SpoolOptions, SpoolQuestion, SpoolReply } from "./spool-messages.ts";

/** Entry of the worker thread that owns the spool's folder. One question after the other, in order. */
let options: SpoolOptions | undefined;
let keeper: SpoolKeeper | undefined;

function answer({ request, bytes }: SpoolQuestion): SpoolAnswers[keyof SpoolAnswers] {
  if (request.kind === "open") {
    options = request.options;
    const opened = SpoolKeeper.open(options, request.atMs);
    keeper = opened.keeper;
    return opened.opening;
  }
  const spool = opened();
  switch (request.kind) {
    case "add":
      return spool.add(request, bytes ?? new Uint8Array());
    case "giveUp":
      return spool.giveUp(request.upload, request.cause, request.atMs);
    case "merge":
      return spool.merge(request);
    case "next":
      return spool.next(request);
    case "image":
      return spool.image(request.id, request.atMs);
    case "sent":
      spool.sent(request);
      return null;
    case "release":
      spool.release();
      return null;
    case "refused":
      spool.refused(request.id, request.notBeforeMs);
      return null;
    case "tidy":
      return spool.tidy(request.atMs);
    case "untold":
      return spool.rows.untold(request.limit);
    case "told":
      spool.rows.told(request.throughRow);
      return null;
    case "keep":
      spool.rows.keep(request.key, request.json);
      return null;
    case "kept":
      return spool.rows.kept(request.key);
    case "close":
      spool.close();
      keeper = undefined;
      options = undefined;
      return null;
  }
}

/** After an I/O error nothing that SQLite has cached can be trusted: it is opened again. */
function opened(): SpoolKeeper {
  if (options === undefined) throw new Error("the spool is not open");
  keeper ??= SpoolKeeper.open(options, Date.now()).keeper;
  return keeper;
}

const IO_ERROR = 10;

function forgetAfterIoError(error: unknown): void {
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  if (typeof code !== "number" || (code & 0xff) < IO_ERROR) return;
  try {
    keeper?.close();
  } catch {
    // the disk fails; it is opened and checked again before the next question
  }
  keeper = undefined;
}

const NO_FIGURES = {
  ...{ cases: 0, bytes: 0, oldestAtMs: null, refused: 0, sentCases: 0, sentBytes: 0, lostCases: 0, untold: 0 },
  ...{ drawn: {}, day: "", dayCases: 0, dayBytes: 0 },
};

parentPort?.on("message", (question: SpoolQuestion) => {
  let reply: SpoolReply;
  try {
    const result = answer(question);
    reply = { call: question.call, answer: result, figures: keeper?.figures() ?? NO_FIGURES };
  } catch (error) {
    forgetAfterIoError(error);
    reply = { call: question.call, error: messageOf(error) };
  }
  const moved = "answer" in reply && reply.answer instanceof Uint8Array ? [reply.answer.buffer as ArrayBuffer] : [];
  parentPort?.postMessage(reply, moved);
});
