import sharp from "sharp";
import type { Image } from "../imaging/image.ts";

export interface SheetCell {
  readonly image: Image;
  readonly caption: string;
}

export interface SheetLayout {
  readonly columns: number;
  /** Every cell is this large; images keep their own scale and are cut off beyond it. */
  readonly cellWidthPx: number;
  readonly cellHeightPx: number;
}

const GAP_PX = 6;
const CAPTION_PX = 16;
const BACKGROUND = { r: 24, g: 28, b: 44 };

const escapeXml = (text: string): string => text.replace(/[<>&]/g, (mark) => `&#${mark.charCodeAt(0)};`);

const captionSvg = (caption: string, widthPx: number): Buffer =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${widthPx}" height="${CAPTION_PX}">` +
      `<text x="2" y="12" font-family="sans-serif" font-size="11" fill="#e8e8e8">${escapeXml(caption)}</text></svg>`,
  );

const pngOf = ({ pixels, widthPx, heightPx, channels }: Image, layout: SheetLayout): Promise<Buffer> =>
  sharp(pixels, { raw: { width: widthPx, height: heightPx, channels } })
    .extract({
      left: 0,
      top: 0,
      width: Math.min(widthPx, layout.cellWidthPx),
      height: Math.min(heightPx, layout.cellHeightPx),
    })
    .toColourspace("srgb")
    .png()
    .toBuffer();

/** Images side by side, row by row, each under its caption, as one PNG. */
export async function contactSheet(cells: readonly SheetCell[], layout: SheetLayout): Promise<Buffer> {
  const stepX = layout.cellWidthPx + GAP_PX;
  const stepY = layout.cellHeightPx + CAPTION_PX + GAP_PX;
  const layers = await Promise.all(
    cells.map(async ({ image, caption }, at) => {
      const left = (at % layout.columns) * stepX;
      const top = Math.floor(at / layout.columns) * stepY;
      return [
        { input: captionSvg(caption, layout.cellWidthPx), left, top },
        { input: await pngOf(image, layout), left, top: top + CAPTION_PX },
      ];
    }),
  );
  const rows = Math.max(1, Math.ceil(cells.length / layout.columns));
  const canvas = { width: layout.columns * stepX, height: rows * stepY, channels: 3 as const, background: BACKGROUND };
  return sharp({ create: canvas }).composite(layers.flat()).png().toBuffer();
}
