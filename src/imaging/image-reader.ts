import { Worker } from "node:worker_threads";
import { siblingModule } from "../platform/sibling-module.ts";
import { decodeImage, type DecodedImage } from "./decode-image.ts";

export interface ReadQuestion {
  readonly call: number;
  readonly path: string;
  readonly maxPixels: number;
}

/** `bytes`: no JPEG; its decoder has threads of its own and is asked from here. */
export type ReadAnswer =
  | { readonly call: number; readonly decoded: DecodedImage }
  | { readonly call: number; readonly bytes: Uint8Array };

interface Waiting {
  readonly maxPixels: number;
  resolve(decoded: DecodedImage | Promise<DecodedImage>): void;
}

/**
 * Reads and decodes image files in a thread of its own: one hand-over per image instead of one for each of open, read,
 * close and decode, and a file server that does not answer stops nothing else.
 */
export class ImageReader {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastCall = 0;

  /** Never rejects: what is wrong with the file is in the result. */
  read(path: string, maxPixels: number): Promise<DecodedImage> {
    const worker = (this.#worker ??= this.#spawn());
    const question: ReadQuestion = { call: ++this.#lastCall, path, maxPixels };
    return new Promise((resolve) => {
      this.#waiting.set(question.call, { maxPixels, resolve });
      worker.postMessage(question);
    });
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #spawn(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, "image-reader-worker"));
    let reason = "it was stopped";
    worker.on("message", (answer: ReadAnswer) => {
      const waiting = this.#waiting.get(answer.call);
      this.#waiting.delete(answer.call);
      if ("decoded" in answer) waiting?.resolve(answer.decoded);
      else waiting?.resolve(decodeImage(answer.bytes, waiting));
    });
    worker.on("error", (error) => (reason = error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => {
      this.#worker = undefined; // the next file starts another one
      const detail = `the thread that reads images ended: ${reason}`;
      for (const { resolve } of this.#waiting.values()) resolve({ ok: false, reason: "unreadable", detail });
      this.#waiting.clear();
    });
    return worker;
  }
}
