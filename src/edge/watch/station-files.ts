import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../contracts/errors.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import type { Logger } from "../../platform/logger.ts";
import { KeptSheets } from "./sample-sheets.ts";
import { StationReference, StationState } from "./station-state.ts";
import type { KeptStation } from "./station-watch.ts";

/** Whose files they are: one model of one recipe. */
export interface StationKey {
  readonly recipe: string;
  readonly modelSha256: string;
}

export const keyText = ({ recipe, modelSha256 }: StationKey): string => `${recipe}-${modelSha256.slice(0, 16)}`;

/**
 * What is known of each model at this line, in a folder of its own: its reference, written once; where the detector
 * stands; and the pictures of the two sample sheets.
 */
export class StationFiles {
  readonly #directoryPath: string;
  readonly #log: Logger;

  constructor(directoryPath: string, log: Logger) {
    this.#directoryPath = directoryPath;
    this.#log = log;
  }

  /** What cannot be read is put aside and learnt anew. */
  async load(key: StationKey): Promise<KeptStation & { readonly sheets: KeptSheets | null }> {
    const reference = await this.#read(key, "reference", StationReference);
    const state = await this.#read(key, "state", StationState);
    return { reference, state, sheets: await this.#read(key, "sheets", KeptSheets) };
  }

  saveReference(key: StationKey, reference: StationReference): Promise<void> {
    return this.#write(key, "reference", reference);
  }

  saveState(key: StationKey, state: StationState): Promise<void> {
    return this.#write(key, "state", state);
  }

  saveSheets(key: StationKey, sheets: KeptSheets): Promise<void> {
    return this.#write(key, "sheets", sheets);
  }

  #path(key: StationKey, what: string): string {
    return join(this.#directoryPath, `${keyText(key)}.${what}.json`);
  }

  async #write(key: StationKey, what: string, content: object): Promise<void> {
    await mkdir(this.#directoryPath, { recursive: true });
    await writeDurably(this.#path(key, what), JSON.stringify(content));
  }

  async #read<T>(key: StationKey, what: string, schema: z.ZodType<T>): Promise<T | null> {
    const path = this.#path(key, what);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (text === null) return null;
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      this.#log.error(
        { path, reason: messageOf(error) },
        "what was learnt of this line cannot be read; it is put aside",
      );
      await rename(path, `${path}.unreadable`);
      return null;
    }
  }
}
