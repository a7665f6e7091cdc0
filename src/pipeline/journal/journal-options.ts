import { SightlineError } from "../../contracts/errors.ts";

export interface JournalOptions {
  readonly directoryPath: string;
  /** With a hub, verdicts stay until it has acknowledged them; without, until a broker has taken them. */
  readonly hubConfigured: boolean;
  /** The hub gets verdicts through the broker: what it acknowledges, the broker has taken. False: it is sent them itself. */
  readonly hubBehindBroker: boolean;
  /** False for a device that publishes nowhere: then only age and quota decide how long verdicts stay. */
  readonly brokerConfigured: boolean;
  /** Everything the journal may take on the disk: database, write-ahead log and reserve. */
  readonly maxBytes: number;
  /** Held free for verdicts when the disk is full; at least twice the write-ahead log's cap and a batch. */
  readonly reserveBytes: number;
  /** How long verdicts stay that nobody waits for any more. */
  readonly retentionDays: number;
  /** A group is written when it has this many rows or its first row is this old, whichever comes first. */
  readonly groupRows: number;
  readonly groupMs: number;
  /** Bounds of what waits in memory for a disk that does not take it. */
  readonly queueRows: number;
  readonly queueBytes: number;
}

export const PAGE_BYTES = 4096;
/** The write-ahead log is written back at this size. */
export const LOG_CAP_BYTES = 1024 * 1024;
export const BATCH_ROWS = 256;
export const BATCH_BYTES = 256 * 1024;
/** The log can be twice its cap before it is written back, and a batch goes beside it. */
export const LEAST_RESERVE_BYTES = 2 * LOG_CAP_BYTES + BATCH_BYTES;
const SMALLEST_DATABASE_BYTES = 1024 * 1024;

const DEFAULTS = {
  brokerConfigured: true,
  hubBehindBroker: true,
  maxBytes: 2 * 1024 ** 3,
  reserveBytes: 4 * 1024 ** 2,
  retentionDays: 30,
  groupRows: 16,
  groupMs: 15,
  queueRows: 10_000,
  queueBytes: 16 * 1024 ** 2,
} as const;

export type JournalSettings = Pick<JournalOptions, "directoryPath" | "hubConfigured"> & Partial<JournalOptions>;

/** Throws CONFIG_INVALID when the quota leaves no room for rows or the reserve is too small to be of use. */
export function journalOptions(settings: JournalSettings): JournalOptions {
  const options = { ...DEFAULTS, ...settings };
  if (options.reserveBytes < LEAST_RESERVE_BYTES)
    throw new SightlineError("CONFIG_INVALID", `the journal's reserve must be at least ${LEAST_RESERVE_BYTES} bytes`);
  if (databasePages(options) * PAGE_BYTES < SMALLEST_DATABASE_BYTES) {
    const least = options.reserveBytes + 2 * LOG_CAP_BYTES + SMALLEST_DATABASE_BYTES;
    throw new SightlineError("CONFIG_INVALID", `the journal's quota must be at least ${least} bytes`);
  }
  return options;
}

/** Pages the database file may have while the reserve is held. */
export const databasePages = (options: JournalOptions): number =>
  Math.floor((options.maxBytes - options.reserveBytes - 2 * LOG_CAP_BYTES) / PAGE_BYTES);
