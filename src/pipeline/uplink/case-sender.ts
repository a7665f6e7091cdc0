import { messageOf } from "../../contracts/errors.ts";
import { StoredReply, type DeviceOrders, type HardCaseUpload } from "../../contracts/hub-case.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import { Bell } from "./bell.ts";
import { allowance, type Hold } from "./daily-budget.ts";
import type { HubAnswer } from "./hub-answer.ts";
import type { HubLink } from "./hub-link.ts";
import type { LocalClock } from "./local-time.ts";
import type { Spool } from "./spool.ts";
import type { SpoolFigures, WaitingCase } from "./spool-messages.ts";
import type { BudgetOptions } from "./uplink-options.ts";

const IDLE_MS = 60_000;
/** After a limit of the hub that does not say when it ends. */
const LIMITED_MS = 60_000;
const HOLD_MS = 15_000;
const TROUBLE_MS = 2000;
/** A case the hub declines is kept and offered again, seldom: the hub may be the one that errs. */
const DECLINED: RetryPolicy = { firstMs: 600_000, maxMs: 86_400_000, jitter: 0.2 };
/** A hub that declines one case after the other is not asked at full speed. */
const IN_A_ROW: RetryPolicy = { firstMs: 500, maxMs: 60_000, jitter: 0.2 };
/** The hub wants the image first, so it has deleted the case; the image is not here any more. */
const NOT_THERE = 409;
/** Of a budget that is not yet known to have been used. */
const NOTHING_SENT = { day: "", dayCases: 0, dayBytes: 0 };

export interface CaseSenderParts {
  readonly spool: Spool;
  readonly link: HubLink;
  readonly budget: BudgetOptions;
  readonly limits: () => DeviceOrders["limits"] | null;
  /** A case was taken that these orders drew. */
  readonly onSent: (orders: readonly string[]) => void;
  readonly localTime: LocalClock;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

type Trouble = Exclude<HubAnswer<never>, { kind: "ok" }>;

/** Takes waiting cases to the hub, the most urgent first, one at a time: its image, unless the hub has it, then itself. */
export class CaseSender {
  readonly #with: CaseSenderParts;
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #hold: Hold | null = null;
  /** The hub takes no more cases for now, though it takes verdicts. */
  #limit: { readonly untilTick: number; readonly sentence: string } | null = null;
  #declinedInARow = 0;
  /** Sent, and not yet written down: of images whose case did not follow. */
  #unbookedBytes = 0;
  #lastRefusal: string | null = null;

  constructor(parts: CaseSenderParts) {
    this.#with = parts;
  }

  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** There is something new to send. */
  notice(): void {
    this.#bell.ring();
  }

  /** The hub's limits are others than they were. */
  limitsChanged(): void {
    this.#limit = null;
    this.#bell.ring();
  }

  /** Why nothing is sent now although the hub could be asked, or null. */
  get hold(): string | null {
    return this.#hold ?? this.#limit?.sentence ?? null;
  }

  /** What the hub said of the last case it declined; null when the last was taken. */
  get lastRefusal(): string | null {
    return this.#lastRefusal;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#with;
    while (!signal.aborted) {
      let pauseMs = TROUBLE_MS;
      try {
        pauseMs = await this.#step(signal);
      } catch (error) {
        if (!signal.aborted) log.warn({ reason: messageOf(error) }, "a hard case could not be taken to the hub");
      }
      if (pauseMs === IDLE_MS) await this.#bell.wait(clock, IDLE_MS, signal);
      else if (pauseMs > 0) await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** Sends one case; answers how long to wait before the next. */
  async #step(signal: AbortSignal): Promise<number> {
    const { spool, link, budget, limits, localTime, clock } = this.#with;
    await spool.open();
    const now = clock.wallNow();
    const used: Pick<SpoolFigures, "day" | "dayCases" | "dayBytes"> = spool.figures ?? NOTHING_SENT;
    const allowed = allowance(budget, limits(), used, localTime(now));
    this.#hold = allowed.ok ? null : allowed.hold;
    if (!allowed.ok) return HOLD_MS;
    const limitedMs = (this.#limit?.untilTick ?? 0) - clock.tick();
    if (limitedMs > 0) return Math.min(limitedMs, HOLD_MS);
    this.#limit = null;
    const waitMs = await link.waitMs();
    if (waitMs > 0) return Math.min(waitMs, TROUBLE_MS); // a new credential is looked for meanwhile
    const next = await spool.ask({ kind: "next", atMs: now, mostBytes: allowed.mostBytes });
    if (next === null) return IDLE_MS;
    return this.#send(next, signal);
  }

  async #send(next: WaitingCase, signal: AbortSignal): Promise<number> {
    if (next.isAtHub) return this.#tell(next, signal);
    const { id } = next.upload.verdict;
    const known = await this.#isImageKnown(next.upload, signal);
    if (typeof known === "object") return this.#declined(next, known);
    let answer = known ? await this.#putCase(next.upload, signal) : undefined;
    // A hub that said it had the image and declines the case may have lost the image meanwhile.
    if (answer === undefined || (answer.kind === "refused" && known)) {
      const image = await this.#image(id);
      if (image === null) return 0;
      const stored = await this.#putImage(next.upload, image, signal);
      if (stored.kind !== "ok") return this.#declined(next, stored);
      this.#unbookedBytes += image.length;
      answer = await this.#putCase(next.upload, signal);
    }
    if (answer.kind !== "ok") return this.#declined(next, answer);
    const day = this.#with.localTime(this.#with.clock.wallNow()).day;
    await this.#with.spool.ask({ kind: "sent", id, revision: next.revision, day, bytes: this.#unbookedBytes });
    this.#with.onSent(next.orders);
    this.#unbookedBytes = 0;
    this.#declinedInARow = 0;
    this.#lastRefusal = null;
    return 0;
  }

  /** What is new of a case that the hub has, without its image. */
  async #tell(next: WaitingCase, signal: AbortSignal): Promise<number> {
    const { spool, localTime, clock, log } = this.#with;
    const { id } = next.upload.verdict;
    const answer = await this.#putCase(next.upload, signal);
    const isGone = answer.kind === "refused" && answer.status === NOT_THERE;
    if (answer.kind !== "ok" && !isGone) return this.#declined(next, answer);
    if (isGone) log.warn({ id, reason: answer.sentence }, "the hub no longer has a case that was flagged");
    const { day } = localTime(clock.wallNow());
    await spool.ask({ kind: "sent", id, revision: next.revision, day, bytes: 0 });
    this.#declinedInARow = 0;
    if (!isGone) this.#lastRefusal = null;
    return 0;
  }

  async #isImageKnown({ image }: HardCaseUpload, signal: AbortSignal): Promise<boolean | Trouble> {
    const answer = await this.#with.link.askWhether({ method: "HEAD", path: imagePath(image.sha256), signal });
    if (answer.kind === "ok") return true;
    return answer.kind === "refused" ? false : answer; // why, the answer to a PUT says; one to a HEAD has no sentence
  }

  async #image(id: string): Promise<Uint8Array | null> {
    const { spool, clock, log } = this.#with;
    const image = await spool.ask({ kind: "image", id, atMs: clock.wallNow() });
    if (image === null) log.error({ id }, "the disk has lost the image of a hard case; check the disk");
    return image;
  }

  #putImage({ image }: HardCaseUpload, body: Uint8Array, signal: AbortSignal): Promise<HubAnswer<StoredReply>> {
    const { sha256, mediaType } = image;
    const digest = `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`; // RFC 9530
    const headers = { "content-type": mediaType, "content-digest": digest };
    return this.#with.link.ask({ method: "PUT", path: imagePath(sha256), headers, body, signal }, StoredReply);
  }

  /** A case without a line is of the one that the hub enrolled this device for. */
  #putCase(waiting: HardCaseUpload, signal: AbortSignal): Promise<HubAnswer<StoredReply>> {
    const line = waiting.line === "" ? (this.#with.link.credential?.line ?? "") : waiting.line;
    const upload: HardCaseUpload = { ...waiting, line };
    const path = `/api/v1/cases/${upload.verdict.id}`;
    const headers = { "content-type": "application/json" };
    return this.#with.link.ask({ method: "PUT", path, headers, body: JSON.stringify(upload), signal }, StoredReply);
  }

  #setLimit({ sentence, retryAfterMs }: Extract<Trouble, { kind: "limited" }>): void {
    const { clock, random, log } = this.#with;
    // Longer by a random share, so that a fleet does not come back at one moment.
    const waitMs = (retryAfterMs ?? LIMITED_MS) * (1 + 0.05 * random());
    this.#limit = { untilTick: clock.tick() + waitMs, sentence };
    log.warn({ reason: sentence, againInMs: Math.round(waitMs) }, "the hub takes no more hard cases for now");
  }

  async #declined({ upload, refusals }: WaitingCase, trouble: Trouble): Promise<number> {
    if (trouble.kind !== "refused") {
      await this.#with.spool.ask({ kind: "release" });
      if (trouble.kind === "limited") this.#setLimit(trouble);
      return 0; // the link says how long everybody waits
    }
    const { spool, clock, random, log } = this.#with;
    const { id } = upload.verdict;
    const delayMs = Math.round(retryDelayMs(DECLINED, refusals, random));
    this.#lastRefusal = trouble.sentence;
    log.error({ id, reason: trouble.sentence, againInMs: delayMs }, "the hub declines a hard case; it is kept");
    await spool.ask({ kind: "refused", id, notBeforeMs: clock.wallNow() + delayMs });
    return retryDelayMs(IN_A_ROW, this.#declinedInARow++, random);
  }
}

const imagePath = (sha256: string): string => `/api/v1/images/${sha256}`;
