import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import type { RefusalCode } from "../../release/refusal.ts";
import type { ReleaseClient } from "../../release/release-client.ts";
import type { InstalledOrder } from "./rollout-parts.ts";

export interface ReleaseWatchParts {
  /** Opens the client: its birth roots lie on the disk, which may be mended while the device runs. */
  readonly openClient: (onProgress: (done: number, total: number) => void) => Promise<ReleaseClient>;
  readonly product: string;
  readonly pollMs: number;
  readonly clock: Clock;
  /** 0 to 1, so that a fleet does not ask in the same second. */
  readonly random: () => number;
  readonly log: Logger;
  readonly onInstalled: (ordered: InstalledOrder) => void;
  readonly onChange: () => void;
}

/** Why the last look brought nothing although something may be ordered. */
export interface Refusal {
  readonly code: RefusalCode | "ROOTS_UNREADABLE";
  readonly sentence: string;
}

/** Looks for orders, and installs what is ordered and signed. Inspection knows nothing of it. */
export class ReleaseWatch implements Service {
  readonly name = "release watch";
  readonly #with: ReleaseWatchParts;
  readonly #stopping = new AbortController();
  readonly #report: (code: string | null) => void;
  #running: Promise<void> = Promise.resolve();
  #client: ReleaseClient | null = null;
  #keep: readonly string[] | null = null;
  #refusal: Refusal | null = null;
  #downloading: { readonly done: number; readonly total: number } | null = null;
  #lookedAt: number | null = null;

  constructor(parts: ReleaseWatchParts) {
    this.#with = parts;
    this.#report = onChange((code, before) => {
      if (this.#refusal !== null) parts.log.warn({ ...this.#refusal }, "no release could be taken");
      else if (before !== undefined && code === null) parts.log.info({}, "releases can be taken again");
      if (code !== null || before !== undefined) parts.onChange();
    });
  }

  async start(): Promise<void> {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  get refusal(): Refusal | null {
    return this.#refusal;
  }

  get downloading(): { readonly done: number; readonly total: number } | null {
    return this.#downloading;
  }

  /** When the repositories last said all that they had to, ms since 1970; null in this boot: never. */
  get lookedAt(): number | null {
    return this.#lookedAt;
  }

  /** Bundles that are neither of these nor the newest go, between two looks. */
  keepOnly(paths: readonly string[]): void {
    this.#keep = paths;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, pollMs, random } = this.#with;
    while (!signal.aborted) {
      await this.#look(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#with.log.error({ reason: messageOf(error) }, "the look for releases failed");
      });
      await clock.sleep(pollMs * (0.9 + 0.2 * random()), signal).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { openClient, product, clock, onInstalled } = this.#with;
    try {
      this.#client ??= await openClient((done, total) => this.#progress(done, total));
    } catch (error) {
      return this.#refuse({ code: "ROOTS_UNREADABLE", sentence: messageOf(error) });
    }
    const result = await this.#client.check(product, signal).finally(() => (this.#downloading = null));
    if (result.outcome !== "refused") this.#lookedAt = clock.wallNow();
    this.#refuse(result.outcome === "refused" ? result : null);
    // Asked of the disk, not of the result: a power cut may have come between installing and noticing.
    const installed = await this.#client.installed(product);
    if (installed !== null) onInstalled(installed);
    const keep = this.#keep;
    this.#keep = null;
    if (keep !== null) await this.#client.prune(product, keep);
  }

  #refuse(refusal: Refusal | null): void {
    this.#refusal = refusal === null ? null : { code: refusal.code, sentence: refusal.sentence };
    this.#report(refusal?.code ?? null);
  }

  #progress(done: number, total: number): void {
    this.#downloading = { done, total };
    this.#with.onChange();
  }
}
