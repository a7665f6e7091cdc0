import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { JournalSettings } from "../../../src/pipeline/journal/journal-options.ts";
import { SqliteJournal, type JournalParts } from "../../../src/pipeline/journal/sqlite-journal.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";

export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "sightline-journal-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Not started. Stopped when the test ends, which does no harm a second time. */
export function journalIn(
  directoryPath: string,
  settings: Partial<JournalSettings> = {},
  parts: Partial<JournalParts> = {},
): SqliteJournal {
  const journal = new SqliteJournal(
    { directoryPath, hubConfigured: false, ...settings },
    { clock: systemClock, logger: silentLogger, random: Math.random, ...parts },
  );
  onTestFinished(() => journal.stop());
  return journal;
}
