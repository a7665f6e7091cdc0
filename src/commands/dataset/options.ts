import { SightlineError } from "../../contracts/errors.ts";
import type { RefusedFile } from "../../datasets/data-folder.ts";
import { shownName } from "../../datasets/file-name.ts";
import { DATASET_FORMATS, type DatasetFormat } from "../../datasets/read-dataset.ts";
import { systemClock } from "../../platform/clock.ts";
import { progressLine } from "../progress-line.ts";

/** The format an option names; undefined where it is not given. */
export function formatOption(text: string | undefined): DatasetFormat | undefined {
  if (text === undefined || text === "auto") return undefined;
  const format = DATASET_FORMATS.find((name) => name === text);
  if (format !== undefined) return format;
  throw new SightlineError("USAGE", `--format ${text}: use ${DATASET_FORMATS.join(", ")}`);
}

/** Lines on stderr, nothing on stdout. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** How many files a terminal is told of by name; --json names all. */
const SHOWN_FILES = 50;

/** Says of every file that is left out that it is, and why. */
export function noteFiles(what: string, files: readonly RefusedFile[]): void {
  if (files.length === 0) return;
  note(`${files.length === 1 ? "1 file" : `${files.length} files`} ${what}`);
  for (const { file, reason } of files.slice(0, SHOWN_FILES)) note(`  ${shownName(file)}: ${reason}`);
  if (files.length > SHOWN_FILES) note(`  and ${files.length - SHOWN_FILES} more (--json names all of them)`);
}

/** For JSON: an endless name is cut there too. */
export const namedFiles = (files: readonly RefusedFile[]): RefusedFile[] =>
  files.map(({ file, reason }) => ({ file: shownName(file), reason }));

export const progress = (): ReturnType<typeof progressLine> => progressLine(process.stderr, systemClock.tick);

/** The first Ctrl-C or SIGTERM ends the work at the next file. */
export function interruptSignal(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const onSignal = (): void => controller.abort(new SightlineError("INTERRUPTED", "stopped before the end"));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return { signal: controller.signal, stop: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal) };
}
