import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import type { HardCaseUpload, LostCase } from "../../contracts/hub-case.ts";
import { ImageFiles } from "./image-files.ts";
import { SentCases } from "./sent-cases.ts";
import { databaseBytes, isDamaged, openSpoolDatabase } from "./spool-database.ts";
import type {
  Added,
  NextQuestion,
  Opening,
  SpoolAnswers,
  SpoolFigures,
  SpoolOptions,
  SpoolRequest,
  WaitingCase,
} from "./spool-messages.ts";
import { SpoolRows } from "./spool-rows.ts";

/**
 * The cases that wait for the hub, on disk and within their quota. An image is on disk before its row, and its row is
 * gone before the image: after a crash there are at worst images that nobody wants. Runs in the worker.
 */
export class SpoolKeeper {
  readonly #options: SpoolOptions;
  readonly #files: ImageFiles;
  readonly #rows: SpoolRows;
  readonly #sent: SentCases;
  /** What is being sent is not given up meanwhile. */
  #sending = "";
  #imageBytes = 0;

  private constructor(options: SpoolOptions) {
    this.#options = options;
    mkdirSync(options.directoryPath, { recursive: true });
    this.#files = new ImageFiles(join(options.directoryPath, "images"));
    this.#files.make();
    this.#rows = new SpoolRows(openSpoolDatabase(join(options.directoryPath, "spool.sqlite")));
    this.#sent = new SentCases(this.#rows.database, options.maxBytes);
  }

  /** A damaged spool is put aside, whole, and a new one begun: its images may still be of use to a person. */
  static open(options: SpoolOptions, atMs: number): { readonly keeper: SpoolKeeper; readonly opening: Opening } {
    try {
      const keeper = new SpoolKeeper(options);
      return { keeper, opening: keeper.#reconcile(atMs, null) };
    } catch (error) {
      if (!isDamaged(error)) throw error;
      const setAside = `${options.directoryPath}.damaged`;
      rmSync(setAside, { recursive: true, force: true });
      renameSync(options.directoryPath, setAside);
      const keeper = new SpoolKeeper(options);
      return { keeper, opening: keeper.#reconcile(atMs, `${setAside} (${messageOf(error)})`) };
    }
  }

  add({ upload, priority, orders, atMs }: Extract<SpoolRequest, { kind: "add" }>, bytes: Uint8Array): Added {
    const { reasons, metadata } = upload;
    const place = this.merge({ id: upload.verdict.id, addition: { reasons, metadata, priority } });
    if (place !== "absent") return { outcome: "merged", lost: [] };
    const { sha256 } = upload.image;
    const isNew = !this.#rows.isImageWanted(sha256);
    const { hasRoom, lost } = isNew ? this.#makeRoom(bytes.length, priority, atMs) : { hasRoom: true, lost: [] };
    if (!hasRoom) return { outcome: "lost", lost: [...lost, this.giveUp(upload, "quota", atMs)] };
    this.#files.write(sha256, bytes);
    this.#rows.transaction(() => this.#rows.insert(upload, priority, orders, atMs));
    if (isNew) this.#imageBytes += bytes.length;
    return { outcome: "added", lost };
  }

  /** A case that never came to wait. */
  giveUp(upload: HardCaseUpload, cause: LostCase["cause"], atMs: number): LostCase {
    return this.#rows.transaction(() => this.#note(upload, cause, atMs));
  }

  merge({ id, addition }: Omit<Extract<SpoolRequest, { kind: "merge" }>, "kind">): SpoolAnswers["merge"] {
    return this.#rows.transaction(() => {
      if (this.#rows.merge(id, addition)) return "waiting";
      return this.#sent.merge(id, addition) ? "sent" : "absent";
    });
  }

  next(question: NextQuestion): WaitingCase | null {
    // First what the hub is told of cases it has: a person waits for it, and it costs no image.
    const next = this.#sent.next(question.atMs) ?? this.#rows.next(question);
    this.#sending = next?.upload.verdict.id ?? "";
    return next;
  }

  release(): void {
    this.#sending = "";
  }

  image(id: string, atMs: number): Uint8Array | null {
    const upload = this.#rows.byId(id)?.upload;
    if (upload === undefined) return null;
    const bytes = this.#files.read(upload.image.sha256);
    if (bytes !== null) return bytes;
    for (const other of this.#rows.casesOfImage(upload.image.sha256)) this.#remove(other, "damaged", atMs);
    return null;
  }

  sent({ id, revision, day, bytes }: Extract<SpoolRequest, { kind: "sent" }>): void {
    this.release();
    const waiting = this.#rows.byId(id);
    this.#rows.transaction(() => {
      if (waiting === null && this.#sent.has(id)) return this.#sent.settle(id, revision); // no case more
      this.#rows.addSent(day, bytes);
      if (waiting?.revision !== revision) return;
      this.#rows.remove(id);
      this.#sent.add(waiting);
    });
    if (waiting?.revision === revision) this.#dropImage(waiting.upload);
  }

  refused(id: string, notBeforeMs: number): void {
    this.release();
    this.#rows.transaction(() => {
      this.#rows.refuse(id, notBeforeMs);
      this.#sent.refuse(id, notBeforeMs);
    });
  }

  /** Somebody else has filled the disk: cases go before verdicts cannot be written. */
  tidy(atMs: number): LostCase[] {
    const lost: LostCase[] = [];
    while (this.#files.freeDiskBytes() < this.#options.leaveFreeBytes / 2) {
      const victim = this.#rows.victim(this.#sending);
      if (victim === null) break;
      lost.push(...this.#remove(victim.id, "quota", atMs));
    }
    this.#rows.database.exec("PRAGMA incremental_vacuum(64)");
    return lost;
  }

  get rows(): SpoolRows {
    return this.#rows;
  }

  figures(): SpoolFigures {
    return this.#rows.figures(this.#imageBytes);
  }

  close(): void {
    this.#rows.database.close();
  }

  #reconcile(atMs: number, setAside: string | null): Opening {
    const files = this.#files.list();
    const lost: LostCase[] = [];
    for (const [sha256, bytes] of this.#rows.images()) {
      if (files.get(sha256) === bytes) continue;
      for (const id of this.#rows.casesOfImage(sha256)) lost.push(...this.#remove(id, "damaged", atMs));
    }
    const wanted = this.#rows.images();
    const orphans = [...files.keys()].filter((sha256) => !wanted.has(sha256));
    for (const sha256 of orphans) this.#files.remove(sha256);
    this.#imageBytes = [...wanted.values()].reduce((sum, bytes) => sum + bytes, 0);
    return { lost, orphans: orphans.length, setAside };
  }

  /** `lost` had to go for `bytes` more; no room where only cases of higher priority are left to go. */
  #makeRoom(bytes: number, priority: number, atMs: number): { readonly hasRoom: boolean; readonly lost: LostCase[] } {
    const lost: LostCase[] = [];
    const { maxBytes, leaveFreeBytes } = this.#options;
    const hasRoom = (): boolean =>
      this.#usedBytes() + bytes <= maxBytes && this.#files.freeDiskBytes() - bytes >= leaveFreeBytes;
    while (!hasRoom()) {
      const victim = this.#rows.victim(this.#sending);
      if (victim === null || victim.priority > priority) return { hasRoom: false, lost };
      lost.push(...this.#remove(victim.id, "quota", atMs));
    }
    return { hasRoom: true, lost };
  }

  #usedBytes(): number {
    return this.#imageBytes + databaseBytes(this.#rows.database);
  }

  #remove(id: string, cause: LostCase["cause"], atMs: number): LostCase[] {
    const upload = this.#rows.byId(id)?.upload;
    if (upload === undefined) return [];
    const lost = this.#rows.transaction(() => {
      this.#rows.remove(id);
      return this.#note(upload, cause, atMs);
    });
    this.#dropImage(upload);
    return [lost];
  }

  #note({ verdict, reasons, image }: HardCaseUpload, cause: LostCase["cause"], at: number): LostCase {
    const lost: LostCase = { id: verdict.id, reasons, cause, bytes: image.bytes, at };
    this.#rows.addLost(lost);
    return lost;
  }

  #dropImage({ image }: HardCaseUpload): void {
    if (this.#rows.isImageWanted(image.sha256)) return;
    this.#files.remove(image.sha256);
    this.#imageBytes -= image.bytes;
  }
}
