import { DownloadHTTPError } from "tuf-js/dist/error.js";
import { messageOf } from "../contracts/errors.ts";
import { type RefusalCode, ReleaseRefused } from "./refusal.ts";
import type { RepositoryName } from "./trust-store.ts";

/**
 * What tuf-js says, in texts (it wraps its error classes into sentences), against what it means. Order counts: the first
 * that fits. tests/release/attacks.test.ts provokes each of them, so that another version of tuf-js cannot change them
 * unseen.
 */
const MEANINGS: readonly (readonly [RegExp, RefusalCode, string])[] = [
  [/is expired/, "METADATA_EXPIRED", "has expired"],
  [/was signed by (\d+)\/(\d+) keys/, "METADATA_UNSIGNED", "lacks valid signatures of enough trusted keys"],
  [
    /is less than current version|Expected version \d+, got/,
    "METADATA_ROLLED_BACK",
    "is older than what was seen before",
  ],
  [/Missing file .* in new snapshot/, "METADATA_ROLLED_BACK", "no longer names a file it named before"],
  [
    /doesn't match timestamp|does not match snapshot version|Expected length|Expected hash|Missing .* in snapshot/,
    "METADATA_MIXED",
    "does not belong to the state that was signed with it",
  ],
  [/reading '(length|version)'/, "METADATA_MIXED", "is not in the state that was signed"],
];

const ADVICE: { readonly [code in RefusalCode]?: string } = {
  METADATA_EXPIRED:
    "Publish again, or check the network and this device's clock; inspection goes on with the model it has.",
  METADATA_UNSIGNED: "Someone changed it, or it was signed with other keys: compare with the repository.",
  METADATA_ROLLED_BACK: "An old state is being served: check the server, its caches and who can write there.",
  METADATA_MIXED: "Files of different states are being served: check the server, its caches and who can write there.",
  METADATA_DAMAGED: "Someone changed it, or it was damaged on the way.",
};

/** One refusal from whatever the updater threw. `file` is the one it last asked for. */
export function explainFault(
  repository: RepositoryName,
  error: unknown,
  last: { readonly file: string; readonly fault: Error | null },
  at: number,
): ReleaseRefused {
  if (last.fault instanceof ReleaseRefused) return last.fault;
  if (error instanceof ReleaseRefused) return error;
  if (last.fault instanceof DownloadHTTPError) {
    const missing = last.fault.statusCode === 404 || last.fault.statusCode === 403;
    return new ReleaseRefused(
      missing ? "METADATA_MISSING" : "UNREACHABLE",
      `${last.fault.message}; check the address of the releases and what is published there.`,
      { cause: error },
    );
  }
  const text = messageOf(error);
  if (isDiskFault(error) || /Failed to persist metadata/.test(text)) return storageRefusal(error);
  const found = MEANINGS.find(([pattern]) => pattern.test(text));
  const [, code, what] = found ?? [null, "METADATA_DAMAGED" as const, "cannot be read as signed metadata"];
  const when = code === "METADATA_EXPIRED" ? ` (it is ${new Date(at).toISOString()} here)` : "";
  return new ReleaseRefused(
    code,
    `The ${repository}'s ${roleIn(text) ?? last.file} ${what}${when}: ${plain(text)}. ${ADVICE[code] ?? ""}`.trim(),
    { cause: error },
  );
}

/** Faults of the file system: they name a path, or are of the kind that writing meets. Those of the network name neither. */
export const isDiskFault = (error: unknown): boolean =>
  error instanceof Error &&
  typeof Reflect.get(error, "syscall") === "string" &&
  (typeof Reflect.get(error, "path") === "string" ||
    /^E(NOSPC|IO|ROFS|DQUOT)$/.test(String(Reflect.get(error, "code"))));

export const storageRefusal = (error: unknown): ReleaseRefused =>
  new ReleaseRefused(
    "STORAGE_FAILED",
    `The release cannot be kept on this device's disk: ${messageOf(error)}. Check free space and the folder's rights.`,
    { cause: error },
  );

/** The file the text itself names: an expired root is found while the timestamp is read. */
const roleIn = (text: string): string | undefined => /\b([\w-]+\.json) is expired/.exec(text)?.[1];

const plain = (text: string): string =>
  text.replace(/^Unable to load (snapshot|targets)( metadata)? error (\w*Error: )?/, "").replace(/\.$/, "");
