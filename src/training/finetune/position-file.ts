import { readFile, rm } from "node:fs/promises";
import { deserialize, serialize } from "node:v8";
import { writeDurably } from "../../platform/durable-file.ts";
import type { FineTunePosition, PositionStore } from "./fine-tune.ts";

interface SavedPosition {
  readonly key: string;
  readonly position: FineTunePosition;
}

/**
 * Positions of a run in one file, replaced as a whole. `key` names everything the run depends on (data, options, seed):
 * a file of another run is not taken up. The file is this machine's own, in V8's format, and not meant to travel.
 */
export function positionFile(path: string, key: string): PositionStore & { remove(): Promise<void> } {
  return {
    load: async () => {
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes === undefined) return null;
      // Written by this program, below a folder of its own; anything else fails to parse or has another key.
      const saved = deserialize(bytes) as SavedPosition;
      return saved.key === key ? saved.position : null;
    },
    save: (position) => writeDurably(path, serialize({ key, position } satisfies SavedPosition)),
    remove: () => rm(path, { force: true }),
  };
}
