import { subtle } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { messageOf } from "../../contracts/errors.ts";
import type { LostCase } from "../../contracts/hub-case.ts";
import { encodeJpeg, encodePng } from "../../imaging/encode-jpeg.ts";
import type { Image } from "../../imaging/image.ts";
import type { Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { settledWithin } from "../../platform/patience.ts";
import { Admission } from "./admission.ts";
import type { CaseChoice } from "./choose-case.ts";
import { composeUpload, type DecidedFrame, type EncodedImage } from "./decided-frame.ts";
import { cutAndMask } from "./mask-pixels.ts";
import type { Spool } from "./spool.ts";
import type { CaseImageOptions, CaseOptions } from "./uplink-options.ts";

/** Frames wait in memory for the one before them to be encoded: their pixels are held, so there are few. */
const MOST_WAITING = 8;
const MOST_WAITING_BYTES = 256 * 1024 * 1024;
const STOP_MS = 2000;

export interface CaseIntakeParts {
  readonly spool: Spool;
  readonly options: CaseOptions;
  /** Images beyond it could never be sent. */
  readonly mostBytes: number;
  readonly line: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onAdded: () => void;
}

/** A chosen frame. `selectionProbability` null: a person chose it. */
export interface ChosenFrame {
  readonly frame: DecidedFrame;
  readonly choice: Omit<CaseChoice, "selectionProbability"> & { readonly selectionProbability: number | null };
  readonly priority: number;
}

export interface IntakeStatus {
  /** Chosen and not kept, since there were too many at once. Of this boot. */
  readonly skipped: number;
  /** Chosen and kept back, since the masks do not fit. Of this boot. */
  readonly keptBack: number;
  /** Chosen and lost to an encoder or a disk that failed, be it the ledger's. Of this boot. */
  readonly failed: number;
}

/**
 * From a decided frame to a case on disk, one after the other and off the line's thread: cut, mask, encode, hash, write.
 * What comes faster is left out and counted; the line never waits.
 */
export class CaseIntake {
  readonly #with: CaseIntakeParts;
  readonly #admission: Admission;
  readonly #reportSkipping: (skipping: boolean) => void;
  readonly #reportKeptBack: (sentence: string | null) => void;
  #waiting: ChosenFrame[] = [];
  #working: Promise<void> | undefined;
  #stopped = false;
  #skipped = 0;
  #keptBack = 0;
  #failed = 0;

  constructor(parts: CaseIntakeParts) {
    this.#with = parts;
    this.#admission = new Admission(parts.options.mostPerMinute, parts.clock);
    this.#reportSkipping = onChange((skipping) => {
      const fields = { mostPerMinute: parts.options.mostPerMinute, skipped: this.#skipped };
      if (skipping) parts.log.warn(fields, "more hard cases than are kept for the hub: some are left out");
    });
    this.#reportKeptBack = onChange((sentence) => {
      if (sentence !== null) parts.log.error({ reason: sentence }, "frames are kept back from the hub");
    });
  }

  get status(): IntakeStatus {
    return { skipped: this.#skipped, keptBack: this.#keptBack, failed: this.#failed };
  }

  /** Whether a frame that is no audit's and no operator's would be admitted. */
  hasRoom(): boolean {
    return this.#admission.hasRoom();
  }

  /** A frame was not even chosen for lack of room. */
  skip(): void {
    this.#skipped++;
    this.#reportSkipping(true);
  }

  /** Takes a reference to the frame and returns at once. */
  offer(chosen: ChosenFrame): boolean {
    if (this.#stopped) return false;
    const { reasons, orders } = chosen.choice;
    const isExempt = reasons.includes("audit") || (reasons.includes("operator") && orders.length === 0);
    const admitted = (isExempt || this.#admission.admit()) && this.#enqueue(chosen);
    if (!admitted) this.#skipped++;
    this.#reportSkipping(!admitted);
    this.#working ??= this.#work();
    return admitted;
  }

  /** What waits is written, unless that takes long. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#working !== undefined) await settledWithin(this.#with.clock, STOP_MS, this.#working);
    if (this.#waiting.length > 0)
      this.#with.log.warn({ cases: this.#waiting.length }, "stopped with hard cases unwritten");
    this.#waiting = [];
  }

  /** A frame of higher priority takes the place of the one with the least. */
  #enqueue(chosen: ChosenFrame): boolean {
    const bytes = this.#waiting.reduce((sum, { frame }) => sum + frame.image.pixels.length, 0);
    const isFull =
      this.#waiting.length >= MOST_WAITING || bytes + chosen.frame.image.pixels.length > MOST_WAITING_BYTES;
    if (isFull && this.#waiting.length > 0) {
      const least = this.#waiting.reduce((low, each) => (each.priority < low.priority ? each : low));
      if (least.priority >= chosen.priority) return false;
      this.#waiting.splice(this.#waiting.indexOf(least), 1);
      this.#skipped++;
    }
    this.#waiting.push(chosen);
    return true;
  }

  async #work(): Promise<void> {
    await turn(); // the verdict leaves first
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await this.#keep(next);
      } catch (error) {
        this.#failed++;
        const { id } = next.frame.verdict;
        this.#with.log.error({ id, reason: messageOf(error) }, "a hard case could not be kept for the hub");
      }
    }
    this.#working = undefined;
  }

  async #keep({ frame, choice, priority }: ChosenFrame): Promise<void> {
    const { options, spool, clock, mostBytes } = this.#with;
    const cut = await cutAndMask(frame.image, options.image.crop, options.privacy, turn);
    this.#reportKeptBack(cut.ok ? null : cut.sentence);
    if (!cut.ok) {
      this.#keptBack++;
      return;
    }
    const encoded = await encode(cut.cut.image, options.image);
    if ((await frame.recording) !== "recorded") throw new Error("its verdict is not in the ledger");
    const upload = composeUpload(frame, choice, encoded, { cut: cut.cut, line: this.#with.line });
    const atMs = clock.wallNow();
    if (encoded.bytes.length > mostBytes) {
      this.#reportLost([await spool.ask({ kind: "giveUp", upload, cause: "too-large", atMs })]);
      return;
    }
    const request = { kind: "add", upload, priority, orders: choice.orders, atMs } as const;
    const { outcome, lost } = await spool.ask(request, encoded.bytes);
    this.#reportLost(lost);
    if (outcome !== "lost") this.#with.onAdded();
  }

  #reportLost(lost: readonly LostCase[]): void {
    if (lost.length > 0) this.#with.log.warn({ lost: lost.map(({ id, cause }) => ({ id, cause })) }, LOST);
  }
}

export const LOST = "hard cases were given up; the hub is told which";

async function encode(image: Image, { format, quality }: CaseImageOptions): Promise<EncodedImage> {
  const bytes = await (format === "jpeg" ? encodeJpeg(image, quality) : encodePng(image));
  // In a thread of the pool: a large image would hold up this one for tens of milliseconds.
  const digest = await subtle.digest("SHA-256", new Uint8Array(bytes));
  return {
    bytes,
    sha256: Buffer.from(digest).toString("hex"),
    mediaType: format === "jpeg" ? "image/jpeg" : "image/png",
  };
}
