import { messageOf } from "../../contracts/errors.ts";
import { VerdictBatchReply, type LostCase } from "../../contracts/hub-case.ts";
import type { Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import type { HubRow, Journal } from "../journal/journal.ts";
import { Bell } from "./bell.ts";
import { batchBody, batchOf, endOfBatch, hasStatistics, isAccountedFor } from "./verdict-batch.ts";
import type { HubLink } from "./hub-link.ts";
import type { Spool } from "./spool.ts";

const MOST_ROWS = 500;
const MOST_LOST = 500;
/** Verdicts of about a second go in one request. */
const GATHER_MS = 1000;
const IDLE_MS = 30_000;
const LIMITED_MS = 10_000;
const TROUBLE_MS = 2000;
/** A batch that is declined whole waits for a person, or for a newer hub. */
const DECLINED_MS = 60_000;

export interface VerdictSenderParts {
  readonly journal: Pick<Journal, "unacknowledged" | "markAcknowledged" | "onRecorded">;
  readonly link: HubLink;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Takes the ledger's rows to the hub, in order and at least once; the hub's answer is its acknowledgement. Rows the hub
 * does not want by itself are said and passed over, for it has decided; a batch it declines whole is tried again.
 */
export class VerdictSender {
  readonly #with: VerdictSenderParts;
  readonly #bell = new Bell();
  readonly #reportDeclined: (sentence: string | null) => void;
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #stopListening = (): void => undefined;
  #row = 0;
  #mostRows = MOST_ROWS;
  #refused = 0;
  #sendsStatistics = true;
  #declined: string | null = null;

  constructor(parts: VerdictSenderParts) {
    this.#with = parts;
    this.#reportDeclined = onChange((sentence) => {
      if (sentence !== null) parts.log.error({ reason: sentence }, "the hub declines verdicts; they are kept");
    });
  }

  start(): void {
    this.#stopListening = this.#with.journal.onRecorded(() => this.#bell.ring());
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopListening();
    this.#stopping.abort();
    await this.#running;
  }

  /** Rows the hub did not want; they stay in this device's journal for its retention time. */
  get refused(): number {
    return this.#refused;
  }

  /** Why the hub declines whole batches, or null. */
  get declined(): string | null {
    return this.#declined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#with;
    while (!signal.aborted) {
      let pauseMs = TROUBLE_MS;
      try {
        pauseMs = await this.#step(signal);
      } catch (error) {
        if (!signal.aborted) log.warn({ reason: messageOf(error) }, "verdicts could not be taken to the hub");
      }
      if (pauseMs === IDLE_MS) {
        await this.#bell.wait(clock, IDLE_MS, signal);
        pauseMs = GATHER_MS;
      }
      if (pauseMs > 0) await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** Sends one batch; answers how long to wait before the next. */
  async #step(signal: AbortSignal): Promise<number> {
    const { journal, link } = this.#with;
    const waitMs = await link.waitMs();
    if (waitMs > 0) return Math.min(waitMs, TROUBLE_MS); // a new credential is looked for meanwhile
    const rows = (await journal.unacknowledged(this.#row, this.#mostRows)).map((row) => this.#asTaken(row));
    if (rows.length === 0) return IDLE_MS;
    const batch = batchOf(rows);
    const { throughRow, lost } = await this.#untold();
    const body = batchBody(batch, lost);
    const headers = { "content-type": "application/json" };
    const answer = await link.ask(
      { method: "POST", path: "/api/v1/verdicts", headers, body, signal },
      VerdictBatchReply,
    );
    if (answer.kind === "refused") return this.#declinedBatch(answer.status, answer.sentence, batch);
    if (answer.kind === "limited") return answer.retryAfterMs ?? LIMITED_MS;
    if (answer.kind !== "ok") return 0;
    if (!isAccountedFor(answer.value, batch.length)) {
      this.#setDeclined(`its answer accounts for other than the ${batch.length} verdicts it was sent`);
      return TROUBLE_MS;
    }
    this.#taken(batch, answer.value);
    if (lost.length > 0) await this.#with.spool.ask({ kind: "told", throughRow });
    return batch.length < rows.length || rows.length === this.#mostRows ? 0 : GATHER_MS;
  }

  #asTaken(row: HubRow): HubRow {
    return this.#sendsStatistics ? row : { ...row, statistics: null };
  }

  #taken(batch: readonly HubRow[], { refused, acknowledged }: VerdictBatchReply): void {
    const { journal, log } = this.#with;
    this.#setDeclined(null);
    this.#mostRows = Math.min(MOST_ROWS, this.#mostRows * 2);
    for (const { id, message } of refused) log.error({ id, reason: message }, "the hub refuses a verdict");
    this.#refused += refused.length;
    this.#row = batch.at(-1)?.row ?? this.#row;
    if (acknowledged !== null) journal.markAcknowledged(acknowledged.bootSeq, acknowledged.verdictSeq);
    // The hub's own mark stops at a number it never got. Numbers this ledger has lost (a full disk) never come: what was
    // sent from the mark on without leaving a row out is stored all the same.
    const { bootSeq, verdictSeq } = endOfBatch(batch);
    journal.markAcknowledged(bootSeq, verdictSeq);
  }

  /** A batch that is too large is sent in halves; a hub that does not know image statistics gets none. */
  #declinedBatch(status: number, sentence: string, batch: readonly HubRow[]): number {
    if (status === 413 && batch.length > 1) {
      this.#mostRows = Math.ceil(batch.length / 2);
      return 0;
    }
    if (status === 400 && hasStatistics(batch)) {
      this.#with.log.warn(
        { reason: sentence },
        "verdicts are sent again, without image statistics until the next start",
      );
      this.#sendsStatistics = false;
      return 0;
    }
    this.#setDeclined(sentence);
    return DECLINED_MS;
  }

  #setDeclined(sentence: string | null): void {
    this.#declined = sentence;
    this.#reportDeclined(sentence);
  }

  /** A spool that cannot be read does not hold up verdicts. */
  #untold(): Promise<{ readonly throughRow: number; readonly lost: readonly LostCase[] }> {
    const none = { throughRow: 0, lost: [] };
    if ((this.#with.spool.figures?.untold ?? 0) === 0) return Promise.resolve(none);
    return this.#with.spool.ask({ kind: "untold", limit: MOST_LOST }).catch(() => none);
  }
}
