import { mkdir, readdir, readFile, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Clock } from "../../platform/clock.ts";
import { Slots } from "../../platform/slots.ts";
import { uuidv7 } from "../../platform/uuid.ts";
import type { Database } from "../store/database.ts";
import { GroupCommit, type Settled } from "../store/group-commit.ts";
import type { HashedContent, HashedFile, ObjectStore } from "../store/object-store.ts";
import { checkImage, type MediaType } from "./check-image.ts";
import { dailyLimit } from "./daily-limit.ts";
import type { DayUsage } from "./day-usage.ts";
import type { KnownDevice } from "./device-record.ts";
import { receiveFile, tooLarge } from "./receive-file.ts";

export interface ImageLimits {
  readonly imageBytes: number;
  readonly imagePixels: number;
}

export interface ImageIntakeParts {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly usage: DayUsage;
  readonly clock: Clock;
  /** For large bodies on their way in; on the disk of the object store, where that is a folder. */
  readonly incomingFolder: string;
  readonly limits: ImageLimits;
}

export interface ArrivingImage {
  readonly device: KnownDevice;
  /** What the address says it is. */
  readonly sha256: string;
  readonly mediaType: MediaType;
  /** Of the content-length header; undefined: sent in chunks. */
  readonly announcedBytes: number | undefined;
  readonly body: Readable;
}

interface CheckedImage {
  readonly device: KnownDevice;
  readonly sha256: string;
  readonly mediaType: MediaType;
  readonly bytes: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Decoded at once: 3 bytes a pixel of memory each, a core each. */
const DECODES_AT_ONCE = 4;
/** A body takes minutes at most; an older file is of a process that died. */
const STALE_MS = 3_600_000;
const GROUP = { waitMs: 15, largestGroup: 64 };

/**
 * Images in, exactly as devices sent them: hashed while they arrive, large ones into a file, decoded to prove that they are
 * images, put into the object store, and only then known to the database. An answer means that all of it is durable.
 */
export class ImageIntake {
  readonly #parts: ImageIntakeParts;
  readonly #decodes = new Slots(DECODES_AT_ONCE);
  readonly #rows: GroupCommit<CheckedImage, "new" | "known">;
  readonly #stopped = new AbortController();

  constructor(parts: ImageIntakeParts) {
    this.#parts = parts;
    this.#rows = new GroupCommit({ ...GROUP, clock: parts.clock, commit: (images) => this.#keep(images) });
  }

  /** Makes the folder for bodies on their way in, and clears it of those of a process that died. */
  async start(): Promise<void> {
    const { incomingFolder, clock } = this.#parts;
    await mkdir(incomingFolder, { recursive: true });
    for (const name of await readdir(incomingFolder)) {
      const path = join(incomingFolder, name);
      const { mtimeMs } = await stat(path);
      if (clock.wallNow() - mtimeMs > STALE_MS) await rm(path, { force: true });
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new HttpRefusal(503, "STOPPING", "The hub is being stopped; send this again in a while."));
    await this.#rows.idle();
  }

  /** Whether this device sent these bytes itself: nobody learns here what others sent. */
  async has(device: KnownDevice, sha256: string): Promise<boolean> {
    const found = await this.#parts.database.query
      .selectFrom("image_senders")
      .innerJoin("images", "images.sha256", "image_senders.sha256")
      .select("images.sha256")
      .where("image_senders.sha256", "=", sha256)
      .where("image_senders.device_id", "=", device.id)
      .where("images.missing_since", "is", null)
      .executeTakeFirst();
    return found !== undefined;
  }

  /** Throws an HttpRefusal that says why an image is not taken; then nothing of it is kept. */
  async receive(image: ArrivingImage): Promise<"new" | "known"> {
    const { limits, usage, clock, incomingFolder } = this.#parts;
    const { device, announcedBytes = 0 } = image;
    if (announcedBytes > limits.imageBytes) throw tooLarge(limits.imageBytes);
    if (await this.has(device, image.sha256)) return "known";
    const now = clock.wallNow();
    if (!(await usage.allowsBytes(device, announcedBytes, now))) throw dailyLimit("bytes", now);
    const path = join(incomingFolder, uuidv7(now));
    try {
      const file = await receiveFile(image.body, { path, maxBytes: limits.imageBytes });
      return await this.#store(image, file);
    } finally {
      await unlink(path).catch(() => undefined); // never made, or gone: cleared at the next start at the latest
    }
  }

  async #store(
    { device, sha256, mediaType }: ArrivingImage,
    file: HashedFile | HashedContent,
  ): Promise<"new" | "known"> {
    if (file.sha256 !== sha256) {
      const sentence = `The bytes have the SHA-256 ${file.sha256}, not the one in the address; they were damaged on the way.`;
      throw new HttpRefusal(422, "WRONG_HASH", sentence);
    }
    const { objects } = this.#parts;
    const release = await this.#decodes.acquire(this.#stopped.signal);
    const size = await this.#check(file, mediaType).finally(release);
    await objects.put(file);
    return this.#rows.write({ device, sha256, mediaType, bytes: file.bytes, ...size });
  }

  async #check(file: HashedFile | HashedContent, mediaType: MediaType): ReturnType<typeof checkImage> {
    const bytes = "content" in file ? file.content : await readFile(file.path);
    return checkImage(bytes, { mediaType, maxPixels: this.#parts.limits.imagePixels });
  }

  async #keep(images: readonly CheckedImage[]): Promise<Settled<"new" | "known">[]> {
    const { database, usage, clock } = this.#parts;
    const at = clock.wallNow();
    const within: CheckedImage[] = [];
    const verdicts = new Map<CheckedImage, Settled<"new" | "known">>();
    const taken = new Map<string, number>();
    for (const image of images) {
      const { device, bytes } = image;
      const sum = (taken.get(device.id) ?? 0) + bytes;
      if (await usage.allowsBytes(device, sum, at)) {
        taken.set(device.id, sum);
        within.push(image);
      } else verdicts.set(image, { error: dailyLimit("bytes", at) });
    }
    const added = await insertImages(database, within, at);
    for (const image of within) verdicts.set(image, { value: added.has(image) ? "new" : "known" });
    for (const { device, bytes } of added) await usage.add(device.id, { bytes }, at);
    return images.map((image) => verdicts.get(image) ?? { error: new Error("no answer for an image") });
  }
}

/** Those that their device had not sent before. */
async function insertImages(
  database: Database,
  images: readonly CheckedImage[],
  at: number,
): Promise<ReadonlySet<CheckedImage>> {
  if (images.length === 0) return new Set();
  const distinct = [...new Map(images.map((image) => [image.sha256, image])).values()];
  // In one order in every process: two that take the same rows in opposite orders would wait for each other.
  distinct.sort((left, right) => (left.sha256 < right.sha256 ? -1 : 1));
  const senders = await database.query.transaction().execute(async (rows) => {
    await rows
      .insertInto("images")
      .values(
        distinct.map(({ device, sha256, mediaType, bytes, widthPx, heightPx }) => ({
          ...{ sha256, bytes, media_type: mediaType, width_px: widthPx, height_px: heightPx },
          ...{ stored_at: at, device_id: device.id, missing_since: null },
        })),
      )
      // Its file may have been lost; now it is there again.
      .onConflict((conflict) => conflict.column("sha256").doUpdateSet({ missing_since: null }))
      .execute();
    return rows
      .insertInto("image_senders")
      .values(images.map(({ device, sha256 }) => ({ sha256, device_id: device.id, sent_at: at })))
      .onConflict((conflict) => conflict.columns(["sha256", "device_id"]).doNothing())
      .returning(["sha256", "device_id"])
      .execute();
  });
  const fresh = new Set(senders.map(({ sha256, device_id }) => `${sha256} ${device_id}`));
  return new Set(images.filter(({ sha256, device }) => fresh.delete(`${sha256} ${device.id}`)));
}
