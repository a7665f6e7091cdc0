import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import { syncDirectory, writeDurably } from "../../platform/durable-file.ts";
import type { Logger } from "../../platform/logger.ts";
import { freshState, RolloutState, type Slot } from "./rollout-state.ts";

const FILE = "rollout.json";

/**
 * The state of the roll-out on the disk: one file, replaced by a synced rename, so that after a power cut it is the old
 * one or the new one. A device without it, with one that cannot be read, or with another bundle in its configuration
 * starts from the configuration: that bundle is the factory's, and always there.
 */
export class RolloutStore {
  readonly #folder: string;
  readonly #log: Logger;
  #state: RolloutState | null = null;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Known once `open` has resolved. */
  get state(): RolloutState {
    if (this.#state === null) throw new Error("the roll-out's state was not opened");
    return this.#state;
  }

  /** `readFactory` may fail where the state knows of another bundle; without one it throws what `readFactory` throws. */
  async open(readFactory: () => Promise<Slot>): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const known = await this.#read();
    try {
      const factory = await readFactory();
      const isSame = known?.factory.manifestSha256 === factory.manifestSha256 && known.factory.path === factory.path;
      if (known !== null && !isSame)
        await this.#setAside(`the configuration names another bundle: ${factory.name} ${factory.version}`);
      this.#state = isSame ? known : freshState(factory);
    } catch (error) {
      if (known === null) throw error;
      this.#log.error({ reason: messageOf(error) }, "the bundle of the configuration cannot be read");
      this.#state = known;
    }
  }

  /** Throws where the disk does not take it; then the state is as before. */
  async save(next: RolloutState): Promise<void> {
    await writeDurably(this.#path, `${JSON.stringify(next, null, 1)}\n`);
    this.#state = next;
  }

  async #read(): Promise<RolloutState | null> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") this.#log.error({ reason: messageOf(error) }, "the roll-out's state cannot be read");
      return null;
    });
    if (text === null) return null;
    const parsed = RolloutState.safeParse(parseOrNull(text));
    if (parsed.success) return parsed.data;
    await this.#setAside("its state does not fit the schema");
    return null;
  }

  async #setAside(reason: string): Promise<void> {
    this.#log.warn({ reason }, "the roll-out begins anew with the bundle of the configuration");
    try {
      await rename(this.#path, `${this.#path}.before`);
      await syncDirectory(this.#folder);
    } catch (error) {
      this.#log.error({ reason: messageOf(error) }, "the roll-out's state could not be put aside");
    }
  }

  get #path(): string {
    return join(this.#folder, FILE);
  }
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
