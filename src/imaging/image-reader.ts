import { Worker } from "node:worker_threads";
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
  #worker: Worker | undefined;
  #lastCall = 0;

  /** In the order of `paths`. Never rejects: what is wrong with a file is in its result. */
  async read(paths: readonly string[], maxPixels: number): Promise<ReadImage[]> {
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

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #spawn(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, "image-reader-worker"));
    let reason = "it was stopped";
    worker.on("message", ({ call, images }: ReadAnswer) => {
      this.#waiting.get(call)?.resolve(images);
      this.#waiting.delete(call);
    });
    worker.on("error", (error) => (reason = error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => {
      this.#worker = undefined; // the next file starts another one
      const detail = `the thread that reads images ended: ${reason}`;
      const lost = { decoded: { ok: false, reason: "unreadable", detail }, readMs: 0 } as const;
      for (const { question, resolve } of this.#waiting.values()) resolve(question.paths.map(() => lost));
      this.#waiting.clear();
    });
    return worker;
  }
}
