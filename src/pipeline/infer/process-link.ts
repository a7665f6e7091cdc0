import { spawn, type ChildProcess } from "node:child_process";
import { setPriority } from "node:os";
import { createInterface } from "node:readline";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import {
  FRAME_RUN,
  FrameCutter,
  decodeReport,
  decodeRunReport,
  encodeMessage,
  encodeRun,
  type Order,
  type Report,
  type RunOrder,
  type RunReport,
} from "./process-frames.ts";

const LAST_WORDS = 4;

/** The process said no: its answer to an order or a run. */
export class OrderFailed extends Error {
  readonly fault: "provider" | "bundle" | "run";

  constructor({ cause, detail }: Extract<Report, { kind: "failed" }>) {
    super(detail);
    this.fault = cause;
  }
}

interface Pending {
  readonly limitMs: number;
  resolve(report: RunReport | null): void;
  reject(error: unknown): void;
}

export interface LinkParts {
  readonly sharedFile: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly startTimeoutMs: number;
  /** 0 to 19: how far the process steps back for others. */
  readonly niceness: number;
  /** Called once, as soon as the process is gone or is being killed. */
  onDown(because: SightlineError): void;
}

type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

/**
 * The device's end of one inference process: from spawn to exit, once. The process answers in order, so its silence
 * is measured from its last answer, against the limit of the oldest question.
 */
export class ProcessLink {
  /** Names of the providers this build of onnxruntime knows; known once `start` has resolved. */
  backends: readonly string[] = [];
  readonly #parts: LinkParts;
  readonly #pending = new Map<number, Pending>();
  readonly #lastWords: string[] = [];
  #child: ChildProcess | null = null;
  #orders: Duplex | null = null;
  #exited: Promise<void> = Promise.resolve();
  #lastId = 0;
  #cancelAlarm: () => void = () => undefined;
  #downBecause: SightlineError | null = null;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when the process is gone, whatever ended it. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** Resolves when the process has loaded onnxruntime. Rejects with INFERENCE_CRASHED or INFERENCE_HUNG. */
  async start(): Promise<void> {
    const entry = fileURLToPath(siblingModule(import.meta.url, "inference-process"));
    const child = spawn(process.execPath, [entry], {
      stdio: ["ignore", "ignore", "pipe", "pipe", this.#parts.sharedFile],
    });
    this.#child = child;
    stepBack(child, this.#parts.niceness);
    this.#exited = new Promise((resolve) => {
      const onGone = (why: string): void => {
        this.#goDown(this.#crashed(why));
        resolve();
      };
      child.once("exit", (code, signal) => onGone(signal === null ? `with exit code ${code}` : `on ${signal}`));
      child.once("error", (error) => onGone(`before it began: ${messageOf(error)}`));
    });
    this.#listenToWords(child);
    const orders = child.stdio[3];
    if (!(orders instanceof Duplex)) throw this.#crashed("before it began");
    this.#orders = orders;
    // The exit says more than the broken stream does.
    orders.on("error", () => undefined);
    const cutter = new FrameCutter();
    orders.on("data", (chunk: Buffer) => {
      try {
        this.#receive(cutter, chunk);
      } catch (error) {
        this.kill(this.#crashed(`because it answered nonsense: ${messageOf(error)}`));
      }
    });
    await this.#await(0, this.#parts.startTimeoutMs);
  }

  /** Rejects with OrderFailed, or with INFERENCE_CRASHED or INFERENCE_HUNG when the process ends or stays silent. */
  async order(order: Unnumbered<Order>, limitMs: number): Promise<void> {
    const id = this.#nextId();
    this.#orders?.write(encodeMessage({ ...order, id }));
    await this.#await(id, limitMs);
  }

  /** Like `order`. */
  async run(run: Omit<RunOrder, "id">, limitMs: number): Promise<RunReport> {
    const id = this.#nextId();
    this.#orders?.write(encodeRun({ ...run, id }));
    const report = await this.#await(id, limitMs);
    if (report === null) throw this.#crashed("after an answer to another question");
    return report;
  }

  /** Ends the process now; what it still owes is rejected with `because`, at once. */
  kill(because: SightlineError): void {
    this.#child?.kill("SIGKILL");
    this.#goDown(because);
  }

  #nextId(): number {
    this.#lastId = (this.#lastId % 0xffff_fffe) + 1;
    return this.#lastId;
  }

  #await(id: number, limitMs: number): Promise<RunReport | null> {
    if (this.#downBecause !== null) return Promise.reject(this.#downBecause);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { limitMs, resolve, reject });
      if (this.#pending.size === 1) this.#armAlarm();
    });
  }

  #receive(cutter: FrameCutter, chunk: Buffer): void {
    cutter.push(chunk);
    for (let frame = cutter.take(); frame !== undefined; frame = cutter.take()) {
      if (frame.kind === FRAME_RUN) {
        const report = decodeRunReport(frame.payload);
        this.#settle(report.id)?.resolve(report);
      } else {
        this.#receiveReport(decodeReport(frame.payload));
      }
    }
  }

  #receiveReport(report: Report): void {
    // What it said before this answer did not end it.
    this.#lastWords.length = 0;
    if (report.kind === "started") {
      this.backends = report.backends;
      this.#settle(0)?.resolve(null);
    } else if (report.kind === "done") {
      this.#settle(report.id)?.resolve(null);
    } else {
      this.#settle(report.id)?.reject(new OrderFailed(report));
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    this.#armAlarm();
    return pending;
  }

  #armAlarm(): void {
    this.#cancelAlarm();
    const [oldest] = this.#pending.values();
    if (oldest === undefined) {
      this.#cancelAlarm = () => undefined;
      return;
    }
    this.#cancelAlarm = this.#parts.clock.after(oldest.limitMs, () => {
      this.kill(
        new SightlineError("INFERENCE_HUNG", `process ${this.pid} was silent for ${oldest.limitMs} ms and was killed`),
      );
    });
  }

  #goDown(because: SightlineError): void {
    if (this.#downBecause !== null) return;
    this.#downBecause = because;
    this.#cancelAlarm();
    const owed = [...this.#pending.values()];
    this.#pending.clear();
    this.#parts.onDown(because);
    for (const pending of owed) pending.reject(because);
  }

  #crashed(why: string): SightlineError {
    const words = this.#lastWords.length === 0 ? "" : `; its last words: ${this.#lastWords.join(" | ")}`;
    return new SightlineError("INFERENCE_CRASHED", `process ${this.pid} ended ${why}${words}`);
  }

  #listenToWords(child: ChildProcess): void {
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on("line", (coloured) => {
      const line = stripVTControlCharacters(coloured).trim();
      if (line === "") return;
      this.#lastWords.push(line);
      if (this.#lastWords.length > LAST_WORDS) this.#lastWords.shift();
      this.#parts.log.debug({ pid: child.pid, line }, "an inference process wrote to stderr");
    });
  }
}

/** Threads that the process starts later inherit it. A process that is gone already says so elsewhere. */
function stepBack({ pid }: ChildProcess, niceness: number): void {
  if (pid === undefined || niceness === 0) return;
  try {
    setPriority(pid, niceness);
  } catch {
    return;
  }
}
