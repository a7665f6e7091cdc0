import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { ImageStatistics } from "../../contracts/image-statistics.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import { uuidv7 } from "../../platform/uuid.ts";
import type {
  AuditEntry,
  HubRow,
  Journal,
  JournalOpening,
  JournalState,
  JournalStatus,
  LedgerRow,
  LedgerTrigger,
} from "./journal.ts";
import { BATCH_BYTES, BATCH_ROWS, journalOptions } from "./journal-options.ts";
import type { JournalOptions, JournalSettings } from "./journal-options.ts";
import type { ChangeResult, LedgerAnswers, LedgerChange, LedgerFigures } from "./ledger-messages.ts";
import { LedgerWorkerLink } from "./ledger-worker-link.ts";
import { WriteQueue, type RecordResult, type WaitingChange } from "./write-queue.ts";

const RETRY: RetryPolicy = { firstMs: 250, maxMs: 10_000, jitter: 0.2 };
/** A disk that has not answered a commit for so long counts as one that does not take rows. */
const STALLED_MS = 2000;
/** The broker's and the hub's marks ride along with rows; alone they wait this long, to spare the flash. */
const MARKS_MS = 250;
const TIDY_MS = 60_000;
const TIDY_IN_NEED_MS = 2000;
const STOP_MS = 3000;
const MOST_LATEST = 1000;

export interface JournalParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly workerUrl?: URL;
}

interface Marks {
  sentThrough?: number;
  acknowledged?: { readonly bootSeq: number; readonly verdictSeq: number };
}

/** The journal on SQLite: gathers rows into groups here, writes them in a worker thread, one group at a time. */
export class SqliteJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #with: JournalParts;
  readonly #worker: LedgerWorkerLink;
  readonly #queue: WriteQueue;
  readonly #listeners = new Set<() => void>();
  readonly #reportState: (state: JournalState) => void;
  #figures: LedgerFigures | undefined;
  /** The group that is being written, or tried again, apart from the queue. */
  #group: readonly WaitingChange[] = [];
  #writing = false;
  #marks: Marks = {};
  #trouble: string | null = null;
  #failures = 0;
  #unrecorded = 0;
  #refused = 0;
  #cancelGroup: (() => void) | undefined;
  #cancelMarks: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelTidy = (): void => undefined;
  #idle: (() => void) | undefined;

  constructor(settings: JournalSettings, parts: JournalParts) {
    this.#options = journalOptions(settings);
    this.#with = parts;
    const workerUrl = parts.workerUrl ?? siblingModule(import.meta.url, "journal-worker");
    this.#worker = new LedgerWorkerLink(this.#options, { ...parts, workerUrl });
    this.#queue = new WriteQueue(this.#options.queueRows, this.#options.queueBytes);
    this.#reportState = onChange((now, before) => {
      const fields = { state: now, before, sentence: this.#sentence() };
      if (now === "recording") parts.logger.info(fields, "the journal records");
      else parts.logger.error(fields, "the journal is in trouble");
    });
  }

  /** Throws JOURNAL_UNSAFE (newer schema, unsafe SQLite, open elsewhere) and JOURNAL_FULL (no room to begin one). */
  async start(): Promise<JournalOpening> {
    try {
      const { bootSeq, interrupted, figures } = await this.#worker.open();
      this.#take(figures);
      this.#scheduleTidy();
      return { bootSeq, interrupted };
    } catch (error) {
      await this.#worker.close();
      throw error;
    }
  }

  async recordTrigger(trigger: LedgerTrigger): Promise<void> {
    const bytes = 128 + trigger.part.length + (trigger.requestId?.length ?? 0);
    await this.#record({ kind: "trigger", trigger }, bytes);
  }

  recordVerdict(triggerId: string, verdict: Verdict, known: ImageStatistics | null = null): Promise<RecordResult> {
    const { id, bootSeq, verdictSeq, part, decidedAt } = verdict;
    const json = JSON.stringify(verdict);
    const { hubConfigured, hubBehindBroker } = this.#options;
    // A hub behind the broker gets what is published, and no row of this ledger.
    const statistics = known === null || !hubConfigured || hubBehindBroker ? null : JSON.stringify(known);
    const row = { triggerId, id, bootSeq, verdictSeq, verdict: verdict.verdict, part, decidedAt, json, statistics };
    return this.#record({ kind: "verdict", row }, 256 + json.length + (statistics?.length ?? 0));
  }

  /** Throws JOURNAL_FULL when it could not be written: a person waits for the answer. */
  async recordAudit(entry: AuditEntry): Promise<void> {
    const change: LedgerChange = { kind: "audit", id: uuidv7(this.#with.clock.wallNow()), entry };
    const result = await this.#record(change, 256 + JSON.stringify(entry.detail).length);
    if (result === "recorded") return;
    throw new SightlineError("JOURNAL_FULL", this.#trouble ?? "too much is waiting to be written");
  }

  /** At most 1,000. */
  async latestVerdicts(limit: number): Promise<Verdict[]> {
    const texts = await this.#worker.ask({ kind: "latest", limit: Math.min(limit, MOST_LATEST) });
    return texts.map(parseOwn);
  }

  async verdictById(id: string): Promise<Verdict | undefined> {
    for (const { change } of this.#waiting())
      if (change.kind === "verdict" && change.row.id === id) return parseOwn(change.row.json);
    const text = await this.#worker.ask({ kind: "verdict", id });
    return text === null ? undefined : parseOwn(text);
  }

  async verdictOfRequest(requestId: string): Promise<Verdict | "pending" | undefined> {
    for (const { change } of this.#waiting())
      if (change.kind === "trigger" && change.trigger.requestId === requestId)
        return this.#waitingVerdict(change.trigger.triggerId) ?? "pending";
    const found = await this.#worker.ask({ kind: "request", requestId });
    if (found === null) return undefined;
    return found.json === null ? (this.#waitingVerdict(found.triggerId) ?? "pending") : parseOwn(found.json);
  }

  async unsent(afterRow: number, limit: number): Promise<LedgerRow[]> {
    const after = Math.max(afterRow, this.#marks.sentThrough ?? 0);
    return [...(await this.#worker.ask({ kind: "unsent", afterRow: after, limit }))];
  }

  async unacknowledged(afterRow: number, limit: number): Promise<HubRow[]> {
    return [...(await this.#worker.ask({ kind: "unacknowledged", afterRow, limit }))];
  }

  markSentThrough(row: number): void {
    this.#marks.sentThrough = Math.max(this.#marks.sentThrough ?? 0, row);
    this.#cancelMarks ??= this.#with.clock.after(MARKS_MS, () => this.#writeGroup());
  }

  markAcknowledged(bootSeq: number, verdictSeq: number): void {
    const { acknowledged } = this.#marks;
    const boots = bootSeq - (acknowledged?.bootSeq ?? 0);
    const older = boots < 0 || (boots === 0 && verdictSeq < (acknowledged?.verdictSeq ?? 0));
    if (!older) this.#marks.acknowledged = { bootSeq, verdictSeq };
    this.#cancelMarks ??= this.#with.clock.after(MARKS_MS, () => this.#writeGroup());
  }

  async resendUnacknowledged(): Promise<void> {
    delete this.#marks.sentThrough;
    await this.#record({ kind: "resend" }, 0);
  }

  onRecorded(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): JournalStatus {
    const { triggers, verdicts, lastRow, sentRow, acknowledgedRow, bytes } = this.#figures ?? NO_FIGURES;
    const sent = Math.max(sentRow, this.#marks.sentThrough ?? 0);
    const state = this.#state();
    const { hubConfigured, hubBehindBroker } = this.#options;
    return {
      state,
      recording: state !== "not-recording",
      sentence: this.#sentence(),
      triggers,
      verdicts,
      backlog: this.#options.brokerConfigured ? Math.max(0, lastRow - sent) : 0,
      unacknowledged: hubConfigured ? Math.max(0, (hubBehindBroker ? sent : lastRow) - acknowledgedRow) : 0,
      unrecorded: this.#unrecorded,
      refused: this.#refused,
      bytes,
      workerRestarts: this.#worker.restarts,
    };
  }

  async stop(): Promise<void> {
    this.#cancelTidy();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#writeGroup();
    const gaveUp = new AbortController();
    const cancelGivingUp = this.#with.clock.after(STOP_MS, () => gaveUp.abort());
    while (this.#hasWork() && !gaveUp.signal.aborted)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        gaveUp.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    cancelGivingUp();
    for (const cancel of [this.#cancelGroup, this.#cancelMarks, this.#cancelRetry]) cancel?.();
    this.#abandon();
    await this.#worker.close();
  }

  #record(change: LedgerChange, bytes: number): Promise<RecordResult> {
    return new Promise((settle) => {
      const recording = this.#trouble === null;
      if (!this.#queue.offer({ change, bytes, settle })) {
        if (change.kind === "verdict") this.#unrecorded++;
        return settle("unrecorded");
      }
      // It stays in the queue and is written later; whoever waits must not.
      if (!recording) settle("unrecorded");
      if (this.#queue.length >= this.#options.groupRows) this.#writeGroup();
      else this.#cancelGroup ??= this.#with.clock.after(this.#options.groupMs, () => this.#writeGroup());
    });
  }

  #writeGroup(): void {
    this.#cancelGroup?.();
    this.#cancelMarks?.();
    this.#cancelGroup = undefined;
    this.#cancelMarks = undefined;
    if (this.#writing || this.#cancelRetry !== undefined) return; // its end looks for what has become due meanwhile
    // A group that is tried again takes newer marks along: they may be what makes room for it.
    const rows = this.#group.length === 0 ? this.#queue.take(BATCH_ROWS, BATCH_BYTES) : this.#group;
    this.#group = [...rows, ...this.#takeMarks()];
    if (this.#group.length > 0) void this.#write(this.#group);
  }

  async #write(group: readonly WaitingChange[]): Promise<void> {
    const { clock } = this.#with;
    this.#writing = true;
    const cancelStalled = clock.after(STALLED_MS, () => this.#inTrouble("the disk has not answered for two seconds"));
    try {
      const changes = group.map(({ change }) => change);
      const answer = await this.#worker.ask({ kind: "write", changes, atMs: clock.wallNow() });
      this.#written(group, answer);
    } catch (error) {
      this.#inTrouble(error instanceof SightlineError ? error.detail : messageOf(error));
      const delayMs = retryDelayMs(RETRY, this.#failures++, this.#with.random);
      this.#cancelRetry = clock.after(delayMs, () => {
        this.#cancelRetry = undefined;
        this.#writeGroup();
      });
    } finally {
      cancelStalled();
      this.#writing = false;
    }
    this.#idle?.();
    if (this.#group.length > 0) return;
    if (this.#isDue()) this.#writeGroup();
  }

  /** What waits is written by its timer; where there is none, it ran out while the group before was being written. */
  #isDue(): boolean {
    if (this.#idle !== undefined || this.#queue.length >= this.#options.groupRows) return true;
    if (this.#queue.length > 0 && this.#cancelGroup === undefined) return true;
    return Object.keys(this.#marks).length > 0 && this.#cancelMarks === undefined;
  }

  #written(group: readonly WaitingChange[], { results, figures }: LedgerAnswers["write"]): void {
    this.#group = [];
    this.#failures = 0;
    this.#trouble = null;
    const rowsBefore = this.#figures?.lastRow ?? 0;
    this.#take(figures);
    group.forEach((item, place) => this.#settleWritten(item, results[place] ?? "written"));
    if (figures.lastRow > rowsBefore) for (const listener of this.#listeners) listener();
  }

  #settleWritten({ change, settle }: WaitingChange, result: ChangeResult): void {
    settle(result === "written" ? "recorded" : "refused");
    if (result === "written") return;
    const { logger } = this.#with;
    if (change.kind === "verdict") {
      this.#refused++;
      logger.error({ id: change.row.id, triggerId: change.row.triggerId }, "a second verdict was refused");
    } else if (change.kind === "trigger") {
      logger.warn({ requestId: change.trigger.requestId }, "a second trigger came with the same request id");
    } else if (change.kind === "acknowledged") {
      logger.debug({ bootSeq: change.bootSeq, verdictSeq: change.verdictSeq }, "the hub named a verdict not kept here");
    }
  }

  /** Nobody waits for a disk that does not take rows: what is queued stays queued. */
  #inTrouble(sentence: string): void {
    this.#trouble = `Verdicts are not being recorded: ${sentence}.`;
    this.#reportState("not-recording");
    for (const { settle } of this.#waiting()) settle("unrecorded");
  }

  #take(figures: LedgerFigures): void {
    this.#figures = figures;
    this.#reportState(this.#state());
  }

  #takeMarks(): WaitingChange[] {
    const { sentThrough, acknowledged } = this.#marks;
    this.#marks = {};
    const changes: LedgerChange[] = [];
    if (sentThrough !== undefined) changes.push({ kind: "sent", throughRow: sentThrough });
    if (acknowledged !== undefined) {
      const behindBroker = this.#options.hubBehindBroker;
      changes.push({ kind: "acknowledged", ...acknowledged, behindBroker });
    }
    return changes.map((change) => ({ change, bytes: 0, settle: () => undefined }));
  }

  /** What could not be written before the end is lost from the ledger, and said to be. */
  #abandon(): void {
    const lost = this.#waiting().filter(({ change }) => change.kind === "verdict").length;
    this.#unrecorded += lost;
    const fields = { verdicts: lost, sentence: this.#trouble };
    if (lost > 0) this.#with.logger.error(fields, "stopped with verdicts not recorded");
    for (const { settle } of this.#waiting()) settle("unrecorded");
  }

  #scheduleTidy(idleMs = 0): void {
    const { clock, logger } = this.#with;
    this.#cancelTidy = clock.after(TIDY_IN_NEED_MS, () => {
      const due = this.#state() !== "recording" || idleMs >= TIDY_MS;
      this.#scheduleTidy(due ? 0 : idleMs + TIDY_IN_NEED_MS);
      if (!due) return;
      this.#worker.ask({ kind: "tidy", atMs: clock.wallNow() }).then(
        ({ figures }) => this.#take(figures),
        (error: unknown) => logger.debug({ reason: messageOf(error) }, "the journal could not be tidied"),
      );
    });
  }

  #waitingVerdict(triggerId: string): Verdict | undefined {
    for (const { change } of this.#waiting())
      if (change.kind === "verdict" && change.row.triggerId === triggerId) return parseOwn(change.row.json);
    return undefined;
  }

  #waiting(): readonly WaitingChange[] {
    return this.#group.length === 0 ? this.#queue.items() : [...this.#group, ...this.#queue.items()];
  }

  #hasWork(): boolean {
    return this.#group.length > 0 || this.#queue.length > 0 || Object.keys(this.#marks).length > 0;
  }

  #state(): JournalState {
    if (this.#trouble !== null) return "not-recording";
    return this.#figures?.reserveHeld === false ? "recording-on-reserve" : "recording";
  }

  #sentence(): string | null {
    return this.#trouble ?? this.#figures?.sentence ?? null;
  }
}

/** The text is our own, checked when it was made: not parsed against the schema again. */
const parseOwn = (json: string): Verdict => JSON.parse(json) as Verdict;

const NO_FIGURES = { triggers: 0, verdicts: 0, lastRow: 0, sentRow: 0, acknowledgedRow: 0, bytes: 0 };
