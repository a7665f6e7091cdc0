import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type RequestMessage<Request> = { readonly id: number; readonly request: Request };
export type ReplyMessage<Answer> = { readonly id: number } & ({ readonly answer: Answer } | { readonly error: string });

interface Waiting<Answer> {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/**
 * A child process that answers requests in order; typed arrays go over whole. Rejects with the child's sentence where it
 * fails, and every open request when it ends. `what` names it in sentences.
 */
export class RequestProcess<Request, Answer> {
  readonly #module: URL;
  readonly #what: string;
  readonly #waiting = new Map<number, Waiting<Answer>>();
  #child: ChildProcess | undefined;
  #nextId = 1;

  constructor(module: URL, what: string) {
    this.#module = module;
    this.#what = what;
  }

  start(): void {
    const child = fork(fileURLToPath(this.#module), [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("message", (reply: ReplyMessage<Answer>) => this.#settle(reply));
    child.on("exit", (code, signal) => this.#failAll(new Error(`the ${this.#what} ended (${signal ?? code})`)));
    child.on("error", (error) => this.#failAll(error));
    this.#child = child;
  }

  ask(request: Request): Promise<Answer> {
    const child = this.#child;
    if (child === undefined) return Promise.reject(new Error(`the ${this.#what} is not running`));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      child.send({ id, request } satisfies RequestMessage<Request>, (error) => {
        if (error !== null) this.#settle({ id, error: error.message });
      });
    });
  }

  /** Lets the child finish what it was asked, then end. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.disconnect();
    await exited;
  }

  #settle(reply: ReplyMessage<Answer>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.answer);
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/**
 * The child's side: answers each request after the one before it. Ends with its parent; a Ctrl-C, which reaches the whole
 * group, is left to the parent.
 */
export function answerRequests<Request, Answer>(answer: (request: Request) => Promise<Answer>): void {
  let last: Promise<void> = Promise.resolve();
  process.on("message", ({ id, request }: RequestMessage<Request>) => {
    const send = (reply: ReplyMessage<Answer>): void => void process.send?.(reply);
    last = last.then(() =>
      answer(request).then(
        (result) => send({ id, answer: result }),
        (error: unknown) => send({ id, error: error instanceof Error ? error.message : String(error) }),
      ),
    );
  });
  process.on("disconnect", () => process.exit(0));
  process.on("SIGINT", () => undefined);
}
