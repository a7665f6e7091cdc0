import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import type { KnownDevice } from "./device-record.ts";

const DAY_MS = 86_400_000;
/** Other hub processes take from the same day: it is counted anew after so long. */
const RECOUNT_MS = 60_000;

interface Usage {
  readonly dayStart: number;
  readonly countedAt: number;
  cases: number;
  bytes: number;
}

const dayStartOf = (at: number): number => Math.floor(at / DAY_MS) * DAY_MS;

/** Seconds until the next day (UTC) begins, at least one. */
export const secondsToNextDay = (at: number): number => Math.max(1, Math.ceil((dayStartOf(at) + DAY_MS - at) / 1000));

/**
 * What each device sent today. Counted from the rows themselves at first, then kept up to date here, so that a request
 * costs no count; with several hub processes a limit may be passed by what they take within a minute.
 */
export class DayUsage {
  readonly #database: Database;
  readonly #usages = new Map<string, Promise<Usage>>();

  constructor(database: Database) {
    this.#database = database;
  }

  async allowsCase(device: KnownDevice, at: number): Promise<boolean> {
    return (await this.#of(device.id, at)).cases < device.dailyCases;
  }

  /** Whether `bytes` more are within the day's limit. */
  async allowsBytes(device: KnownDevice, bytes: number, at: number): Promise<boolean> {
    return (await this.#of(device.id, at)).bytes + bytes <= device.dailyBytes;
  }

  async add(deviceId: string, what: { readonly cases?: number; readonly bytes?: number }, at: number): Promise<void> {
    const usage = await this.#of(deviceId, at);
    usage.cases += what.cases ?? 0;
    usage.bytes += what.bytes ?? 0;
  }

  async #of(deviceId: string, at: number): Promise<Usage> {
    const known = await this.#usages.get(deviceId);
    if (known?.dayStart === dayStartOf(at) && at - known.countedAt < RECOUNT_MS) return known;
    const counting = this.#count(deviceId, at);
    this.#usages.set(deviceId, counting);
    counting.catch(() => this.#usages.delete(deviceId));
    return counting;
  }

  async #count(deviceId: string, at: number): Promise<Usage> {
    const dayStart = dayStartOf(at);
    const { cases } = await this.#database.query
      .selectFrom("cases")
      .select(sql<number>`COUNT(*)`.as("cases"))
      .where("device_id", "=", deviceId)
      .where("received_at", ">=", dayStart)
      .executeTakeFirstOrThrow();
    const { bytes } = await this.#database.query
      .selectFrom("image_senders")
      .innerJoin("images", "images.sha256", "image_senders.sha256")
      .select(sql<number>`COALESCE(SUM(images.bytes), 0)`.as("bytes"))
      .where("image_senders.device_id", "=", deviceId)
      .where("image_senders.sent_at", ">=", dayStart)
      .executeTakeFirstOrThrow();
    return { dayStart, countedAt: at, cases: Number(cases), bytes: Number(bytes) };
  }
}
