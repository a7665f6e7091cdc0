import type { LostCase, VerdictBatchReply } from "../../contracts/hub-case.ts";
import type { HubRow } from "../journal/journal.ts";

/** What an HTTP server takes in one body without being asked to. */
const MOST_BYTES = 512 * 1024;
const NOT_KNOWN = "null";

/** The first rows that fit into one request; at least one. */
export function batchOf(rows: readonly HubRow[]): readonly HubRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ json, statistics }, at) => {
    bytes += json.length + 1 + (statistics ?? NOT_KNOWN).length + 1;
    return at > 0 && bytes > MOST_BYTES;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** The body of the request: the ledger's own texts, not parsed and written anew. */
export function batchBody(batch: readonly HubRow[], lost: readonly LostCase[]): string {
  const parts = [`"schema":1`, `"verdicts":[${batch.map(({ json }) => json).join(",")}]`];
  if (hasStatistics(batch))
    parts.push(`"statistics":[${batch.map(({ statistics }) => statistics ?? NOT_KNOWN).join(",")}]`);
  if (lost.length > 0) parts.push(`"lost":${JSON.stringify(lost)}`);
  return `{${parts.join(",")}}`;
}

/** Of a batch without any the hub is told nothing: hubs of an earlier version take it then. */
export const hasStatistics = (batch: readonly HubRow[]): boolean => batch.some(({ statistics }) => statistics !== null);

/** An answer that says less or more than was asked is no acknowledgement. */
export const isAccountedFor = ({ stored, known, refused }: VerdictBatchReply, sent: number): boolean =>
  stored + known + refused.length === sent;

export interface VerdictNumber {
  readonly bootSeq: number;
  readonly verdictSeq: number;
}

/** The highest number of the batch: rows are in order of recording, and neighbours may have changed places. */
export function endOfBatch(batch: readonly HubRow[]): VerdictNumber {
  return batch
    .map(({ json }) => JSON.parse(json) as VerdictNumber) // our own text, checked when it was made
    .reduce((highest, { bootSeq, verdictSeq }) =>
      bootSeq > highest.bootSeq || (bootSeq === highest.bootSeq && verdictSeq > highest.verdictSeq)
        ? { bootSeq, verdictSeq }
        : highest,
    );
}
