import { createHash } from "node:crypto";
import { DatasetItem } from "../contracts/dataset.ts";
import { SightlineError } from "../contracts/errors.ts";

/**
 * Items of a canonical list as it arrives, one at a time. Throws SightlineError DATA_INVALID at its end where the list is
 * not the one that `version` names: what came before must not be used then.
 */
export async function* itemsFromList(text: AsyncIterable<Uint8Array>, version: string): AsyncGenerator<DatasetItem> {
  const hash = createHash("sha256");
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const bytes of text) {
    hash.update(bytes);
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) yield DatasetItem.parse(JSON.parse(line.replace(/,$/, "")));
  }
  const found = hash.digest("hex");
  if (found === version) return;
  throw new SightlineError(
    "DATA_INVALID",
    `the list of the version has the SHA-256 ${found}, not ${version}; it was damaged on the way`,
  );
}
