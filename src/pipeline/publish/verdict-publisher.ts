import type { HubAck } from "../../contracts/command.ts";
import { messageOf } from "../../contracts/errors.ts";
import { PUBLISHED } from "../../contracts/topics.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { settledWithin } from "../../platform/patience.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import { AckWatch } from "./ack-watch.ts";
import type { BrokerConnection, PublishOutcome } from "./broker-connection.ts";
import type { BrokerLink } from "./broker-link.ts";
import type { OutboxRow, VerdictOutbox } from "./verdict-outbox.ts";

const REFUSED: RetryPolicy = { firstMs: 1000, maxMs: 60_000, jitter: 0.5 };
/** Verdicts that are on no disk wait for the broker's window in memory, so their number is bounded. */
const MOST_UNRECORDED_WAITING = 100;
const DRAIN_MS = 3000;
const DRAIN_LOOK_MS = 10;
const LEAVE_MS = 500;

export interface VerdictPublisherParts {
  readonly outbox: VerdictOutbox;
  readonly link: BrokerLink;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** With a hub: what it has not acknowledged after this time is sent again. */
  readonly hub: { readonly acknowledgeWithinMs: number } | null;
}

export interface PublisherStatus {
  /** In this boot; a verdict sent twice counts twice. */
  readonly published: number;
  readonly inFlight: number;
  /** Verdicts on no disk: sent live, and not sent since there was no broker either. */
  readonly unrecordedSent: number;
  readonly unrecordedDropped: number;
  /** Why the broker does not take verdicts, or null. */
  readonly refusal: string | null;
}

interface InFlight {
  readonly row: number;
  taken: boolean;
}

/**
 * Takes verdicts from the journal to the broker: in order, at least once, always with the id they were recorded with.
 * Holds no more of them than twice what the window lets fly, however long the backlog.
 */
export class VerdictPublisher {
  readonly name = "verdict publisher";
  readonly #with: VerdictPublisherParts;
  readonly #watch: AckWatch | undefined;
  readonly #reportRefusal: (sentence: string | null) => void;
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #stopListening: (() => void)[] = [];
  #wake: () => void = () => undefined;
  #news = false;
  /** The journal may hold verdicts beyond those read. */
  #rowsWait = true;
  /** Of the connection of now, in order of rows. */
  #inFlight: InFlight[] = [];
  #published = 0;
  #unrecordedSent = 0;
  #unrecordedDropped = 0;
  #refusal: string | null = null;
  #refusals = 0;
  #sendAgain = false;
  #cancelWatch = (): void => undefined;

  constructor(parts: VerdictPublisherParts) {
    this.#with = parts;
    this.#watch = parts.hub === null ? undefined : new AckWatch(parts.clock, parts.hub.acknowledgeWithinMs);
    this.#reportRefusal = onChange((sentence, before) => {
      if (sentence !== null) parts.logger.error({ reason: sentence }, "the broker does not take verdicts");
      else if (before !== undefined) parts.logger.info({}, "the broker takes verdicts again");
    });
  }

  async start(): Promise<void> {
    const { outbox, link } = this.#with;
    const recorded = (): void => {
      this.#rowsWait = true;
      this.#notice();
    };
    this.#stopListening = [outbox.onRecorded(recorded), link.onConnect(() => this.#notice())];
    this.#watchAcknowledgements();
    this.#running = this.#run(this.#stopping.signal);
  }

  /** Gives the last verdicts a little time to reach the broker; what it did not take is sent at the next start. */
  async stop(): Promise<void> {
    const { clock } = this.#with;
    const dueTick = clock.tick() + DRAIN_MS;
    await this.#catchUp(dueTick);
    for (const stop of this.#stopListening) stop();
    this.#cancelWatch();
    this.#stopping.abort();
    this.#notice();
    await settledWithin(clock, Math.max(0, dueTick - clock.tick()), this.#running);
    this.#inFlight = [];
    this.#notice();
    await settledWithin(clock, LEAVE_MS, this.#running); // longer only where the disk does not answer
  }

  acknowledged({ bootSeq, verdictSeq }: HubAck): void {
    this.#with.outbox.markAcknowledged(bootSeq, verdictSeq);
    this.#watch?.acknowledged();
  }

  /** A verdict that could not be recorded is sent once, now or not at all: the machine behind the broker waits for it. */
  publishUnrecorded(verdict: Verdict): void {
    const connection = this.#with.link.connection;
    if (connection === undefined || connection.waiting >= MOST_UNRECORDED_WAITING) {
      this.#unrecordedDropped++;
      return;
    }
    void this.#send(connection, JSON.stringify(verdict)).then(({ kind }) => {
      if (kind === "taken") this.#unrecordedSent++;
      else this.#unrecordedDropped++;
    });
  }

  status(): PublisherStatus {
    return {
      published: this.#published,
      inFlight: this.#inFlight.length,
      unrecordedSent: this.#unrecordedSent,
      unrecordedDropped: this.#unrecordedDropped,
      refusal: this.#refusal,
    };
  }

  async #catchUp(dueTick: number): Promise<void> {
    const { outbox, link, clock } = this.#with;
    const worthWaiting = (): boolean =>
      link.connection !== undefined && this.#refusal === null && outbox.status().backlog > 0;
    while (worthWaiting() && clock.tick() < dueTick) await clock.sleep(DRAIN_LOOK_MS);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { link, clock, logger, random } = this.#with;
    while (!signal.aborted) {
      const connection = link.connection;
      if (connection === undefined) {
        await this.#nextNotice(signal);
        continue;
      }
      let pauseMs = 0;
      try {
        await this.#drain(connection, signal);
        if (this.#refusal !== null && connection.open) pauseMs = retryDelayMs(REFUSED, this.#refusals++, random);
      } catch (error) {
        logger.warn({ reason: messageOf(error) }, "the journal could not be read");
        pauseMs = REFUSED.firstMs;
      }
      if (pauseMs > 0) await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** Until the connection is over, the broker refuses, or everything has to be sent again. */
  async #drain(connection: BrokerConnection, signal: AbortSignal): Promise<void> {
    const flights: InFlight[] = [];
    this.#inFlight = flights;
    this.#rowsWait = true;
    void connection.ended.then(() => this.#notice());
    // A broker that has forgotten our session has likely forgotten what it took from us as well.
    const forgotten = this.#watch !== undefined && !connection.sessionPresent;
    if (this.#sendAgain || forgotten) await this.#with.outbox.resendUnacknowledged();
    this.#sendAgain = false;
    let refused = false;
    let ready: OutboxRow[] = [];
    let lastRow = 0;
    const goOn = (): boolean => connection.open && !signal.aborted && !this.#sendAgain && !refused;
    while (goOn()) {
      this.#news = false;
      if (ready.length === 0 && this.#rowsWait) {
        this.#rowsWait = false; // before the question: rows recorded meanwhile set it again
        ready = await this.#with.outbox.unsent(lastRow, connection.window);
        this.#rowsWait ||= ready.length === connection.window;
      }
      // After a refusal one verdict goes ahead to see whether the broker takes it now.
      const window = this.#refusal === null ? connection.window : 1;
      const leaving = goOn() ? ready.splice(0, window - flights.length) : [];
      for (const { row, json } of leaving) {
        lastRow = row;
        const flight: InFlight = { row, taken: false };
        flights.push(flight);
        void this.#send(connection, json).then((outcome) => {
          refused ||= outcome.kind === "refused";
          this.#answered(flights, flight, outcome);
        });
      }
      if (leaving.length === 0) await this.#nextNotice(signal);
    }
    while (flights.length > 0 && this.#inFlight === flights) await this.#nextNotice();
  }

  #answered(flights: InFlight[], flight: InFlight, outcome: PublishOutcome): void {
    if (outcome.kind === "taken") {
      flight.taken = true;
      this.#published++;
      if (flights.length > 0) this.#setRefusal(null);
      this.#land(flights);
    } else {
      if (outcome.kind === "refused") this.#setRefusal(outcome.sentence);
      flights.length = 0; // what follows in order is sent again, taken or not
    }
    this.#notice();
  }

  /** A row counts as sent when all before it do. */
  #land(flights: InFlight[]): void {
    let landed: number | undefined;
    while (flights[0]?.taken === true) landed = flights.shift()?.row;
    if (landed !== undefined) this.#with.outbox.markSentThrough(landed);
  }

  #send(connection: BrokerConnection, json: string): Promise<PublishOutcome> {
    const id = ID_IN_JSON.exec(json)?.[1];
    const userProperties = id === undefined ? { schema: "verdict/1" } : { schema: "verdict/1", id };
    return connection.publish({
      topic: this.#with.link.verdictTopic,
      payload: json,
      ...PUBLISHED.verdict,
      properties: { payloadFormatIndicator: true, contentType: "application/json", userProperties },
    });
  }

  #watchAcknowledgements(): void {
    const { hub, clock, link, outbox, logger } = this.#with;
    if (hub === null) return;
    this.#cancelWatch = clock.after(hub.acknowledgeWithinMs / 4, () => {
      this.#watchAcknowledgements();
      const { unacknowledged } = outbox.status();
      if (link.connection === undefined || this.#watch?.overdue(unacknowledged) !== true) return;
      logger.warn({ unacknowledged }, "the hub has not acknowledged verdicts in time; they are sent again");
      this.#sendAgain = true;
      this.#notice();
    });
  }

  #setRefusal(sentence: string | null): void {
    this.#refusal = sentence;
    if (sentence === null) this.#refusals = 0;
    this.#reportRefusal(sentence);
  }

  #notice(): void {
    this.#news = true;
    this.#wake();
  }

  async #nextNotice(signal?: AbortSignal): Promise<void> {
    if (!this.#news && signal?.aborted !== true) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#news = false;
  }
}

/** Our own text: the id stands near its start. */
const ID_IN_JSON = /"id":"([0-9a-f-]{36})"/;
