import type { Kysely } from "kysely";
import type { LostCase, VerdictBatchReply } from "../../contracts/hub-case.ts";
import type { ImageStatistics } from "../../contracts/image-statistics.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import { reasonBits } from "../cases/merge-reasons.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";

/** A place in a device's ledger. */
export interface Place {
  readonly bootSeq: number;
  readonly verdictSeq: number;
}

/** Rows of one statement: 9 values each, well below every engine's bound. */
const ROWS_A_STATEMENT = 250;
const STEPS_A_LOOK = 2000;

export interface ArrivingBatch {
  readonly device: string;
  readonly verdicts: readonly Verdict[];
  /** Of the verdicts' frames, in the same order; absent: from a device that does not send them. */
  readonly statistics?: readonly (ImageStatistics | null)[] | undefined;
  /** Cases that the device gave up. */
  readonly lost: readonly LostCase[];
  readonly receivedAt: number;
}

/**
 * Keeps verdicts in the order of the device's ledger, each once, and says up to where nothing is missing. What stands
 * beyond a gap is kept as well, but not acknowledged: the device sends again from the gap on.
 */
export async function keepVerdicts(database: Database, batch: ArrivingBatch): Promise<VerdictBatchReply> {
  const own = batch.verdicts.filter(({ device }) => device === batch.device);
  const foreign = batch.verdicts.filter(({ device }) => device !== batch.device);
  const refused = foreign.map(({ id }) => ({ id, message: "The device in this verdict is not the one that sent it." }));
  return database.query.transaction().execute(async (rows) => {
    const stored = await insertVerdicts(rows, own, batch);
    const replaced = await contradicted(
      rows,
      batch.device,
      own.filter(({ id }) => !stored.has(id)),
    );
    await insertLost(rows, batch);
    const acknowledged = await advance(rows, batch.device, own[0]);
    return {
      stored: stored.size,
      known: own.length - stored.size - replaced.length,
      acknowledged,
      refused: [...refused, ...replaced],
    };
  });
}

/** Ids of those that were not there before. */
async function insertVerdicts(
  rows: Kysely<Tables>,
  verdicts: readonly Verdict[],
  { verdicts: sent, statistics = [], receivedAt }: ArrivingBatch,
): Promise<ReadonlySet<string>> {
  const statisticsOf = new Map(sent.map(({ id }, at) => [id, statistics[at] ?? null]));
  const stored = new Set<string>();
  for (let from = 0; from < verdicts.length; from += ROWS_A_STATEMENT) {
    const added = await rows
      .insertInto("verdicts")
      .values(
        verdicts.slice(from, from + ROWS_A_STATEMENT).map((verdict) => ({
          device_id: verdict.device,
          boot_seq: verdict.bootSeq,
          verdict_seq: verdict.verdictSeq,
          id: verdict.id,
          verdict: verdict.verdict,
          decided_at: Date.parse(verdict.decidedAt),
          received_at: receivedAt,
          json: JSON.stringify(verdict),
          statistics_json: textOf(statisticsOf.get(verdict.id) ?? null),
        })),
      )
      .onConflict((conflict) => conflict.columns(["device_id", "boot_seq", "verdict_seq"]).doNothing())
      .returning("id")
      .execute();
    for (const { id } of added) stored.add(id);
  }
  return stored;
}

const textOf = (statistics: ImageStatistics | null): string | null =>
  statistics === null ? null : JSON.stringify(statistics);

async function insertLost(rows: Kysely<Tables>, { device, lost, receivedAt }: ArrivingBatch): Promise<void> {
  for (let from = 0; from < lost.length; from += ROWS_A_STATEMENT) {
    await rows
      .insertInto("lost_cases")
      .values(
        lost.slice(from, from + ROWS_A_STATEMENT).map(({ id, reasons, cause, bytes, at }) => ({
          ...{ id, device_id: device, reasons: reasonBits(reasons), cause, bytes },
          ...{ lost_at: at, told_at: receivedAt },
        })),
      )
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }
}

/** Verdicts whose number in the ledger another verdict has: a device that lost its counter, or is there twice. */
async function contradicted(
  rows: Kysely<Tables>,
  device: string,
  verdicts: readonly Verdict[],
): Promise<{ id: string; message: string }[]> {
  const refused: { id: string; message: string }[] = [];
  for (const { id, bootSeq, verdictSeq } of verdicts) {
    const there = await rows
      .selectFrom("verdicts")
      .select("id")
      .where("device_id", "=", device)
      .where("boot_seq", "=", bootSeq)
      .where("verdict_seq", "=", verdictSeq)
      .executeTakeFirst();
    if (there === undefined || there.id === id) continue;
    const message = `Verdict ${verdictSeq} of boot ${bootSeq} is another one here; is this device's name used twice?`;
    refused.push({ id, message });
  }
  return refused;
}

/** Moves the device's mark over everything that is there without a gap. `first`: of this batch, where nothing was before. */
async function advance(rows: Kysely<Tables>, device: string, first: Verdict | undefined): Promise<Place | null> {
  const mark = await rows.selectFrom("device_progress").selectAll().where("device_id", "=", device).executeTakeFirst();
  // A device that is older than its hub begins where its ledger begins.
  const start =
    mark ?? (first === undefined ? undefined : { boot_seq: first.bootSeq, verdict_seq: first.verdictSeq - 1 });
  if (start === undefined) return null;
  const end = await endOfRun(rows, device, { bootSeq: start.boot_seq, verdictSeq: start.verdict_seq });
  if (end.verdictSeq === 0) return null;
  await rows
    .insertInto("device_progress")
    .values({ device_id: device, boot_seq: end.bootSeq, verdict_seq: end.verdictSeq })
    .onConflict((conflict) =>
      conflict.column("device_id").doUpdateSet({ boot_seq: end.bootSeq, verdict_seq: end.verdictSeq }),
    )
    .execute();
  return end;
}

async function endOfRun(rows: Kysely<Tables>, device: string, from: Place): Promise<Place> {
  let { bootSeq, verdictSeq } = from;
  for (;;) {
    const following = await rows
      .selectFrom("verdicts")
      .select("verdict_seq")
      .where("device_id", "=", device)
      .where("boot_seq", "=", bootSeq)
      .where("verdict_seq", ">", verdictSeq)
      .orderBy("verdict_seq")
      .limit(STEPS_A_LOOK)
      .execute();
    const gap = following.findIndex(({ verdict_seq: found }, step) => found !== verdictSeq + step + 1);
    verdictSeq += gap === -1 ? following.length : gap;
    if (gap !== -1) return { bootSeq, verdictSeq };
    if (following.length === STEPS_A_LOOK) continue;
    const next = await firstOfNextBoot(rows, device, bootSeq);
    // A device sends a boot's verdicts only after all of the boot before; one that does not begin at 1 lacks its start.
    if (next?.verdictSeq !== 1) return { bootSeq, verdictSeq };
    ({ bootSeq, verdictSeq } = next);
  }
}

async function firstOfNextBoot(rows: Kysely<Tables>, device: string, bootSeq: number): Promise<Place | undefined> {
  const found = await rows
    .selectFrom("verdicts")
    .select(["boot_seq", "verdict_seq"])
    .where("device_id", "=", device)
    .where("boot_seq", ">", bootSeq)
    .orderBy("boot_seq")
    .orderBy("verdict_seq")
    .limit(1)
    .executeTakeFirst();
  return found === undefined ? undefined : { bootSeq: found.boot_seq, verdictSeq: found.verdict_seq };
}
