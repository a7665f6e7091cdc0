import { setTimeout as sleep } from "node:timers/promises";
import type { HardCaseUpload } from "../../../src/contracts/hub-case.ts";
import { caseOf, jpegOf, verdictOf } from "../../hub/support/hard-cases.ts";
import type { Sender } from "../../hub/support/running-hub.ts";

export interface SentCase {
  readonly upload: HardCaseUpload;
  readonly image: Buffer;
}

const RETRY_MS = 20;

/**
 * A device as the hub sees it, which never gives up: it sends a case again until the hub has said that it has it. Several
 * at once, as over several connections.
 */
export class CaseSender {
  readonly acknowledged: SentCase[] = [];
  /** Answers other than 200. None is expected: a hub that is killed gives none. */
  readonly refusals: string[] = [];
  readonly #sender: Sender;
  #next = 0;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** `imageOf`: number of the picture for a case. */
  async send(cases: number, { atOnce, imageOf }: { atOnce: number; imageOf: (at: number) => number }): Promise<void> {
    const one = async (): Promise<void> => {
      while (this.#next < cases) {
        const at = this.#next++;
        const image = await jpegOf(imageOf(at));
        const upload = caseOf(verdictOf({ device: this.#sender.device, verdictSeq: at + 1 }), image, [at, 1]);
        await this.#until(() => this.#sender.putImage(image));
        await this.#until(() => this.#sender.putCase(upload));
        this.acknowledged.push({ upload, image });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
  }

  async #until(ask: () => Promise<Response>): Promise<void> {
    for (;;) {
      try {
        const response = await ask();
        const text = await response.text();
        if (response.status === 200) return;
        this.refusals.push(`${response.status} ${text}`);
      } catch {
        // The hub is away.
      }
      await sleep(RETRY_MS);
    }
  }
}
