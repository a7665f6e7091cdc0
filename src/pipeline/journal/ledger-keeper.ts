import { mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import { syncDirectory } from "../../platform/durable-file.ts";
import { readBootCounter, writeBootCounter } from "./boot-counter.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { databasePages, LOG_CAP_BYTES, PAGE_BYTES, type JournalOptions } from "./journal-options.ts";
import { LedgerFile } from "./ledger-file.ts";
import type { LedgerAnswers, LedgerChange, LedgerFigures, LedgerRequest } from "./ledger-messages.ts";
import { diskTrouble, openLedgerDatabase, type DiskTrouble } from "./ledger-schema.ts";

const TIDY_EVERY_MS = 1000;
const REMOVE_ROWS = 200;
/** Transactions of that many rows a second at most: more than any line makes, yet no commit waits for long. */
const REMOVE_ROUNDS = 4;
/** Above this share of the quota the oldest verdicts that nobody waits for go, whatever their age. */
const HIGH_WATER_SHARE = 0.9;
/** Empty pages kept in the file for the rows to come; more go back to the disk, some at a time. */
const SPARE_PAGES = 256;
const GIVE_BACK_PAGES = 512;
/** Files up to this size are checked whole at every start, larger ones after a failure only. */
const CHECKED_AT_START_BYTES = 256 * 1024 ** 2;
const NO_ROOM_BYTES = 128 * 1024;
const DAY_MS = 86_400_000;

/** Opens the ledger, keeps it within its quota, and gets it through full and failing disks. Runs in the worker. */
export class LedgerKeeper {
  readonly #options: JournalOptions;
  readonly #path: string;
  readonly #reserve: DiskReserve;
  #file: LedgerFile | undefined;
  #boot: { bootSeq: number; startedAt: string; written: boolean } = { bootSeq: 0, startedAt: "", written: true };
  #tidiedAtMs = 0;
  #reserveHeld = false;
  #logBytes = 0;
  #setAsideSentence: string | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#path = join(options.directoryPath, "journal.sqlite");
    this.#reserve = new DiskReserve(options.directoryPath, options.reserveBytes);
  }

  async open({ bootSeq, atMs }: Extract<LedgerRequest, { kind: "open" }>): Promise<LedgerAnswers["open"]> {
    mkdirSync(this.#options.directoryPath, { recursive: true });
    await this.#openFile(atMs, "at-start");
    const file = this.#opened();
    const counterPath = join(this.#options.directoryPath, "boot-counter");
    const startedAt = new Date(atMs).toISOString();
    const counted = bootSeq ?? Math.max(file.lastBoot(), readBootCounter(counterPath)) + 1;
    const interrupted = bootSeq === null ? file.openTriggers() : [];
    this.#boot = { bootSeq: counted, startedAt, written: bootSeq !== null };
    if (bootSeq === null) await writeBootCounter(counterPath, counted).catch(() => this.#writeBoot());
    this.#reserveHeld = this.#reserve.held || this.#reserve.hold();
    this.#limitPages();
    try {
      this.#onFullDisk(() => this.#writeBoot());
    } catch (error) {
      if (this.#troubleOf(error) !== "full") throw error; // A full disk: the counter is on disk, the row follows later.
    }
    return { bootSeq: counted, interrupted, figures: this.figures() };
  }

  async write(changes: readonly LedgerChange[], atMs: number): Promise<LedgerAnswers["write"]> {
    if (this.#file === undefined) await this.#openFile(atMs, "after-failure");
    try {
      const results = this.#onFullDisk(() => {
        this.#writeBoot();
        return this.#opened().write(changes, atMs);
      }, changes);
      this.#tidyQuietly(atMs);
      return { results, figures: this.figures() };
    } catch (error) {
      throw this.#failed(error);
    }
  }

  tidy(atMs: number): LedgerAnswers["tidy"] {
    this.#tidiedAtMs = 0;
    this.#tidyQuietly(atMs);
    return { figures: this.figures() };
  }

  get file(): LedgerFile {
    return this.#opened();
  }

  figures(): LedgerFigures {
    const file = this.#opened();
    const reserveBytes = this.#reserveHeld ? this.#options.reserveBytes : 0;
    return {
      ...file.marks,
      bytes: file.pragma("page_count") * PAGE_BYTES + this.#logBytes + reserveBytes,
      reserveHeld: this.#reserveHeld,
      sentence: this.#reserveHeld ? this.#setAsideSentence : this.#onReserveSentence(),
    };
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      file.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      file.database.close();
    }
  }

  #opened(): LedgerFile {
    if (this.#file !== undefined) return this.#file;
    throw new SightlineError("JOURNAL_FULL", `${this.#path} is not open after a disk error`);
  }

  async #openFile(atMs: number, when: "at-start" | "after-failure"): Promise<void> {
    try {
      this.#file = this.#openChecked(when);
    } catch (error) {
      const trouble = this.#troubleOf(error);
      if (trouble === "damaged") await this.#setAside(atMs, messageOf(error));
      else if (trouble === "full" && this.#reserve.held) this.#reserve.spend();
      else throw this.#openingFailed(error);
      this.#file = this.#openChecked(when);
    }
    this.#limitPages();
  }

  #openChecked(when: "at-start" | "after-failure"): LedgerFile {
    const database = openLedgerDatabase(this.#path);
    try {
      const bytes = statSync(this.#path).size;
      if (when === "after-failure" || bytes <= CHECKED_AT_START_BYTES) {
        const found = String(database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"]);
        if (found !== "ok") throw Object.assign(new Error(found.replaceAll(/\s+/g, " ")), { errcode: 11 });
      }
      return new LedgerFile(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** The damaged file is evidence and may hold verdicts that nobody has: it is kept, never repaired in place. */
  async #setAside(atMs: number, why: string): Promise<void> {
    const suffix = `damaged-${new Date(atMs).toISOString().replaceAll(/[:.]/g, "-")}`;
    for (const part of ["", "-wal", "-shm"])
      if (statSync(this.#path + part, { throwIfNoEntry: false }) !== undefined)
        renameSync(this.#path + part, `${this.#path}.${suffix}${part}`);
    await syncDirectory(this.#options.directoryPath);
    this.#boot.written = false;
    this.#setAsideSentence =
      `The journal was damaged (${why}) and has been kept as ${this.#path}.${suffix}; a new one was begun. ` +
      `Check the disk; "sqlite3 FILE .recover" reads what is left of the old one.`;
  }

  #openingFailed(error: unknown): unknown {
    const trouble = this.#troubleOf(error);
    if (trouble === "locked")
      return new SightlineError("JOURNAL_UNSAFE", `another process has ${this.#path} open: end it first`);
    if (trouble === "full" || trouble === "input-output") return this.#failed(error);
    return error;
  }

  /** What the journal says about a write that did not succeed. After an I/O error nothing cached can be trusted. */
  #failed(error: unknown): unknown {
    const trouble = this.#troubleOf(error);
    if (trouble === "full") return new SightlineError("JOURNAL_FULL", this.#fullSentence(), { cause: error });
    if (trouble !== "input-output" && trouble !== "damaged") return error;
    try {
      this.#file?.database.close();
    } catch {
      // The disk fails; the file is opened and checked again before the next write.
    }
    this.#file = undefined;
    const detail = `the disk under ${this.#path} reports an error (${messageOf(error)}): check it`;
    return new SightlineError("JOURNAL_FULL", detail, { cause: error });
  }

  #writeBoot(): void {
    if (this.#boot.written) return;
    this.#opened().addBoot(this.#boot.bootSeq, this.#boot.startedAt);
    this.#boot.written = true;
  }

  #limitPages(): void {
    const reservePages = this.#reserveHeld ? 0 : Math.floor(this.#options.reserveBytes / PAGE_BYTES);
    this.#opened().database.exec(`PRAGMA max_page_count = ${databasePages(this.#options) + reservePages}`);
  }

  /** Files go first, then the log, then rows: a full disk holds up even a deletion while the log cannot grow. */
  #onFullDisk<T>(work: () => T, changes: readonly LedgerChange[] = []): T {
    const marks = changes.filter((change) => change.kind === "sent" || change.kind === "acknowledged");
    const remedies = [() => this.#makeRoom(marks), () => this.#spendReserve(marks)];
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (this.#troubleOf(error) !== "full") throw error;
        const remedy = remedies.shift();
        if (remedy === undefined) throw error;
        try {
          remedy();
        } catch (secondError) {
          if (this.#troubleOf(secondError) !== "full") throw secondError;
        }
      }
    }
  }

  #makeRoom(marks: readonly LedgerChange[]): void {
    this.#opened().database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    // Marks release rows, and must not wait behind the very rows there is no room for.
    this.#opened().write(marks, 0);
    this.#removeReleased(Number.POSITIVE_INFINITY);
  }

  #spendReserve(marks: readonly LedgerChange[]): void {
    this.#reserve.spend();
    this.#reserveHeld = false;
    this.#limitPages();
    this.#makeRoom(marks);
  }

  #removeReleased(beforeMs: number): void {
    const { hubConfigured, brokerConfigured } = this.#options;
    const { acknowledgedRow, sentRow, lastRow } = this.#opened().marks;
    const released = Math.min(hubConfigured ? acknowledgedRow : lastRow, brokerConfigured ? sentRow : lastRow);
    for (let round = 0; round < REMOVE_ROUNDS; round++)
      if (this.#opened().removeOldest(released, beforeMs, REMOVE_ROWS) < REMOVE_ROWS) return;
  }

  /** Housekeeping must not turn a write that succeeded into a failure. */
  #tidyQuietly(atMs: number): void {
    if (Math.abs(atMs - this.#tidiedAtMs) < TIDY_EVERY_MS) return;
    this.#tidiedAtMs = atMs;
    try {
      this.#tidy(atMs);
    } catch (error) {
      if (this.#troubleOf(error) !== "full") throw error;
    }
  }

  #tidy(atMs: number): void {
    const file = this.#opened();
    const database = file.database;
    this.#logBytes = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    const usedPages = file.pragma("page_count") - file.pragma("freelist_count");
    const scarce = this.#reserve.freeDiskBytes() < 2 * LOG_CAP_BYTES || !this.#reserveHeld;
    const pressed = scarce || usedPages > HIGH_WATER_SHARE * databasePages(this.#options);
    this.#removeReleased(pressed ? Number.POSITIVE_INFINITY : atMs - this.#options.retentionDays * DAY_MS);
    if (file.pragma("freelist_count") > (scarce ? 0 : SPARE_PAGES))
      database.exec(`PRAGMA incremental_vacuum(${GIVE_BACK_PAGES})`);
    if (!this.#reserveHeld) this.#takeReserveBack(file.pragma("page_count"));
  }

  #takeReserveBack(pages: number): void {
    const roomOnDisk = this.#reserve.freeDiskBytes() >= 2 * this.#options.reserveBytes;
    if (!roomOnDisk || pages > databasePages(this.#options) - SPARE_PAGES / 4) return;
    this.#reserveHeld = this.#reserve.hold();
    this.#limitPages();
  }

  #fullSentence(): string {
    const { directoryPath, maxBytes } = this.#options;
    return this.#diskIsFull()
      ? `the disk that holds ${directoryPath} is full and the reserve is used up: free space on it`
      : `the journal in ${directoryPath} has used its quota of ${maxBytes} bytes with verdicts that nobody has ` +
          "taken yet: connect the broker or the hub, or raise the quota";
  }

  #onReserveSentence(): string {
    const { directoryPath, maxBytes, reserveBytes } = this.#options;
    return this.#diskIsFull()
      ? `The disk that holds ${directoryPath} is full; verdicts go into a reserve of ${reserveBytes} bytes. ` +
          "Free space on it."
      : `The journal in ${directoryPath} has reached its quota of ${maxBytes} bytes; verdicts go into a reserve of ` +
          `${reserveBytes} bytes. Connect the broker or the hub, or raise the quota.`;
  }

  /** A disk without a free block also fails writes of the log's header or its truncation, as an I/O error. */
  #troubleOf(error: unknown): DiskTrouble {
    const trouble = diskTrouble(error);
    const full = trouble === "input-output" && this.#reserve.freeDiskBytes() < NO_ROOM_BYTES;
    return full ? "full" : trouble;
  }

  #diskIsFull(): boolean {
    return this.#reserve.freeDiskBytes() < 2 * this.#options.reserveBytes;
  }
}
