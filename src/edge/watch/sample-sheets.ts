import { z } from "zod";
import type { Image } from "../../imaging/image.ts";
import { thumbnailOfPixels } from "../../imaging/thumbnail.ts";

const SIDE_PX = 128;
/** Pictures on a sheet. */
export const SHEET_PICTURES = 12;
/** Pictures of the newest frames that are kept, should one of them be the first of a change. */
const KEPT_PICTURES = 32;
/** Frames from one kept picture to the next. */
const EVERY_FRAMES = 16;
/** And at least so long, ms: a fast line must not spend its processor on pictures nobody looks at. */
const EVERY_MS = 250;

/** JPEGs in base64. */
export const KeptSheets = z.strictObject({
  schema: z.literal(1),
  reference: z.array(z.string()),
  now: z.array(z.string()),
});
export type KeptSheets = z.infer<typeof KeptSheets>;

export type SheetName = "reference" | "now";

interface Picture {
  readonly frame: number;
  readonly jpeg: Uint8Array;
}

/** Small pictures of what a line looked like when its reference was learnt, and since a change began. */
export class SampleSheets {
  #reference: Picture[] = [];
  #recent: Picture[] = [];
  /** Of the open alarm; grows until it is full. */
  #now: Picture[] | null = null;
  #frame = 0;
  #lastFrame = Number.NEGATIVE_INFINITY;
  #lastTick = Number.NEGATIVE_INFINITY;
  #busy = false;

  constructor(kept: KeptSheets | null) {
    const pictures = (texts: readonly string[]): Picture[] =>
      texts.map((text) => ({ frame: 0, jpeg: new Uint8Array(Buffer.from(text, "base64")) }));
    if (kept === null) return;
    this.#reference = pictures(kept.reference);
    if (kept.now.length > 0) this.#now = pictures(kept.now);
  }

  get kept(): KeptSheets {
    const texts = (pictures: readonly Picture[]): string[] =>
      pictures.map(({ jpeg }) => Buffer.from(jpeg).toString("base64"));
    return { schema: 1, reference: texts(this.#reference), now: texts(this.#now ?? []) };
  }

  count(sheet: SheetName): number {
    return this.#sheet(sheet).length;
  }

  picture(sheet: SheetName, index: number): Uint8Array | undefined {
    return this.#sheet(sheet)[index]?.jpeg;
  }

  /**
   * Takes now and then a picture, off the caller's thread; resolves true when a sheet on disk is not up to date any
   * more. `every`: frames from one picture to the next while a reference is learnt; `tick` in ms.
   */
  async offer(image: Image, at: { readonly tick: number; readonly every?: number }): Promise<boolean> {
    const frame = this.#frame++;
    const { tick, every = EVERY_FRAMES } = at;
    if (this.#busy || frame - this.#lastFrame < every) return false;
    if (at.every === undefined && tick - this.#lastTick < EVERY_MS) return false;
    this.#lastFrame = frame;
    this.#lastTick = tick;
    this.#busy = true;
    try {
      return this.#take({ frame, jpeg: await thumbnailOfPixels(image, SIDE_PX) });
    } finally {
      this.#busy = false;
    }
  }

  /** Frames from here on are those the reference is learnt from. */
  beginReference(): void {
    this.#recent = [];
    this.#lastFrame = Number.NEGATIVE_INFINITY;
  }

  /** The pictures taken so far are the reference's. */
  endReference(): void {
    this.#reference = spread(this.#recent);
    this.#recent = [];
    this.#now = null;
  }

  /** A change began `frames` ago. */
  beginAlarm(frames: number): void {
    const since = this.#recent.filter(({ frame }) => frame >= this.#frame - frames);
    this.#now = spread(since);
  }

  endAlarm(): void {
    this.#now = null;
  }

  #sheet(sheet: SheetName): readonly Picture[] {
    return sheet === "reference" ? this.#reference : (this.#now ?? []);
  }

  #take(picture: Picture): boolean {
    this.#recent.push(picture);
    if (this.#recent.length > KEPT_PICTURES) this.#recent.shift();
    if (this.#now === null || this.#now.length >= SHEET_PICTURES) return false;
    this.#now.push(picture);
    return true;
  }
}

/** At most a sheet's worth, evenly spread. */
function spread(pictures: readonly Picture[]): Picture[] {
  if (pictures.length <= SHEET_PICTURES) return [...pictures];
  return Array.from(
    { length: SHEET_PICTURES },
    (_, index) => pictures[Math.floor((index * pictures.length) / SHEET_PICTURES)],
  ).filter((picture) => picture !== undefined);
}
