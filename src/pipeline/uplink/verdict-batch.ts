import type { VerdictBatchReply } from "../../contracts/hub-case.ts";

/** A row of the ledger with the verdict as it was published. */
export interface LedgerRow {
  readonly row: number;
  readonly json: string;
}

/** What an HTTP server takes in one body without being asked to. */
const MOST_BYTES = 512 * 1024;

/** The first rows that fit into one request; at least one. */
export function batchOf(rows: readonly LedgerRow[]): readonly LedgerRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ json }, at) => {
    bytes += json.length + 1;
    return at > 0 && bytes > MOST_BYTES;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** An answer that says less or more than was asked is no acknowledgement. */
export const isAccountedFor = ({ stored, known, refused }: VerdictBatchReply, sent: number): boolean =>
  stored + known + refused.length === sent;

export interface VerdictNumber {
  readonly bootSeq: number;
  readonly verdictSeq: number;
}

/** The highest number of the batch: rows are in order of recording, and neighbours may have changed places. */
export function endOfBatch(batch: readonly LedgerRow[]): VerdictNumber {
  return batch
    .map(({ json }) => JSON.parse(json) as VerdictNumber) // our own text, checked when it was made
    .reduce((highest, { bootSeq, verdictSeq }) =>
      bootSeq > highest.bootSeq || (bootSeq === highest.bootSeq && verdictSeq > highest.verdictSeq)
        ? { bootSeq, verdictSeq }
        : highest,
    );
}
