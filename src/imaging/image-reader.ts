import { Worker } from "node:worker_threads";
import type { Clock } from "../platform/clock.ts";
import { endThread } from "../platform/end-thread.ts";
import { siblingModule } from "../platform/sibling-module.ts";
import { decodeImage, type DecodedImage } from "./decode-image.ts";

export interface ReadQuestion {
  readonly call: number;
  readonly paths: readonly string[];
  readonly maxPixels: number;
}

/** `bytes`: no JPEG; its decoder has threads of its own and is asked from the caller's side. */
export type ReadFile = { readonly decoded: DecodedImage } | { readonly bytes: Uint8Array };

export interface ReadAnswer {
  readonly call: number;
  readonly images: readonly (ReadFile & { readonly readMs: number })[];
}

export interface ReadImage {
  readonly decoded: DecodedImage;
  /** What reading and, of a JPEG, decoding took in the reader's thread. */
  readonly readMs: number;
}

/** For a thread that waits for a file server. */
const STOP_MS = 1000;
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
    if (worker !== undefined) this.#ended = Promise.all([this.#ended, endThread(worker, this.#clock, STOP_MS)]);
    await this.#ended;
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
