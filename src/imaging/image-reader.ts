import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Clock } from "../platform/clock.ts";
import { endThread } from "../platform/end-thread.ts";
import { settledWithin } from "../platform/patience.ts";
import { siblingModule } from "../platform/sibling-module.ts";
import { decodeImage, type DecodedImage } from "./decode-image.ts";
import { STOP, type ReadAnswer, type ReadQuestion } from "./image-reader-messages.ts";

export interface ReadImage {
  readonly decoded: DecodedImage;
  /** What reading and, of a JPEG, decoding took in the reader's thread. */
  readonly readMs: number;
}

/** What a thread may take for the pictures it has begun, and then, one that waits for a file server, for its end. */
const FINISH_MS = 1500;
const STOP_MS = 500;
const STOPPED = "it was stopped";

interface Waiting {
  readonly question: ReadQuestion;
  resolve(images: ReadAnswer["images"]): void;
}

/**
 * Reads and decodes image files in a thread of its own: one hand-over for a group of images instead of one for each
 * open, read, close and decode, and a file server that does not answer stops nothing else. Waking a thread costs as
 * much as decoding half a small picture.
 */
export class ImageReader {
  readonly #waiting = new Map<number, Waiting>();
  readonly #clock: Clock;
  #worker: Worker | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #lastCall = 0;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the order of `paths`. Never rejects: what is wrong with a file is in its result. */
  async read(paths: readonly string[], maxPixels: number): Promise<ReadImage[]> {
    if (this.#stopped) return paths.map(() => lost(STOPPED));
    const worker = (this.#worker ??= this.#spawn());
    const question: ReadQuestion = { call: ++this.#lastCall, paths, maxPixels };
    const images = await new Promise<ReadAnswer["images"]>((resolve) => {
      this.#waiting.set(question.call, { question, resolve });
      worker.postMessage(question);
    });
    return Promise.all(
      images.map(async (image) => {
        const decoded = "decoded" in image ? image.decoded : await decodeImage(image.bytes, { maxPixels });
        return { decoded, readMs: image.readMs };
      }),
    );
  }

  /** For ever. Whoever waits for an image is answered at once, also where a file server is not. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#stopped = true;
    this.#giveUp(STOPPED);
    if (worker !== undefined) this.#ended = Promise.all([this.#ended, this.#end(worker)]);
    await this.#ended;
  }

  /** A thread in the middle of a decode finishes it; one that a file server holds is left behind. */
  async #end(worker: Worker): Promise<void> {
    const exited = once(worker, "exit");
    worker.postMessage(STOP);
    let alive = true;
    void exited.then(() => (alive = false));
    await settledWithin(this.#clock, FINISH_MS, exited);
    if (alive) await endThread(worker, this.#clock, STOP_MS);
  }

  #spawn(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, "image-reader-worker"));
    let reason = STOPPED;
    worker.on("message", ({ call, images }: ReadAnswer) => {
      this.#waiting.get(call)?.resolve(images);
      this.#waiting.delete(call);
    });
    worker.on("error", (error) => (reason = error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => this.#worker === worker && this.#giveUp(reason));
    return worker;
  }

  #giveUp(reason: string): void {
    this.#worker = undefined; // the next file starts another one
    for (const { question, resolve } of this.#waiting.values()) resolve(question.paths.map(() => lost(reason)));
    this.#waiting.clear();
  }
}

const lost = (reason: string) =>
  ({
    decoded: { ok: false, reason: "unreadable", detail: `the thread that reads images ended: ${reason}` },
    readMs: 0,
  }) as const;
