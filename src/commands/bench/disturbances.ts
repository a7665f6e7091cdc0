import { augmentToRgb, unchanged } from "../../imaging/augment.ts";
import type { Image } from "../../imaging/image.ts";
import { seededRandom } from "../../platform/random.ts";

/** Something that happens to a camera, applied to whole frames. */
export interface Disturbance {
  readonly name: string;
  apply(frame: Image): Image;
}

const DUST_SEED = 11;

/** All values times `factor`, saturated as a sensor does. */
const exposure = (factor: number): Disturbance => ({
  name: `brightness ${factor > 1 ? "+" : "-"}${Math.round(Math.abs(factor - 1) * 100)} %`,
  apply: (frame) => {
    const tone = Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, Math.round(value * factor)));
    return { ...frame, pixels: frame.pixels.map((value) => tone[value] ?? 0) };
  },
});

const blur = (sigmaPx: number): Disturbance => ({
  name: `blur, sigma ${sigmaPx} px`,
  apply: (frame) => {
    const { widthPx, heightPx } = frame;
    const pixels = new Uint8Array(widthPx * heightPx * 3);
    augmentToRgb(frame, { ...unchanged(frame), blurSigmaPx: sigmaPx }, pixels, 0);
    return { ...frame, channels: 3, pixels };
  },
});

/** Dark spots that stay where they are from frame to frame, as dirt on a lens does; soft, 1 to 3 % of the width. */
const dust = (spots: number): Disturbance => ({
  name: `${spots} dust spots`,
  apply: (frame) => {
    const { widthPx, heightPx, channels } = frame;
    const random = seededRandom(DUST_SEED);
    const pixels = frame.pixels.slice();
    for (let spot = 0; spot < spots; spot++) {
      const [x, y, radius] = [random() * widthPx, random() * heightPx, (0.01 + 0.02 * random()) * widthPx];
      for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(heightPx, y + radius); row++) {
        for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(widthPx, x + radius); column++) {
          const share = Math.hypot(column - x, row - y) / radius;
          if (share >= 1) continue;
          for (let channel = 0; channel < channels; channel++) {
            const at = (row * widthPx + column) * channels + channel;
            pixels[at] = Math.round((pixels[at] ?? 0) * (0.4 + 0.6 * share));
          }
        }
      }
    }
    return { ...frame, pixels };
  },
});

export const DISTURBANCES: readonly Disturbance[] = [
  ...[0.9, 1.1, 0.8, 1.2].map(exposure),
  ...[0.7, 1, 2].map(blur),
  ...[3, 10].map(dust),
];
