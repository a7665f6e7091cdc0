import { z } from "zod";

const Share = z.number().min(0).max(1);

/**
 * How the frame of a part looks, without judging it: what the device's sanity gate measured. Four significant digits:
 * more would be noise. Rides beside the verdict to the hub, never in it: what machines on the line read stays as it is.
 */
export const ImageStatistics = z.strictObject({
  brightness: z.number().min(0).max(255).describe("mean luminance"),
  darkShare: Share.describe("of the pixels, luminance 5 or less"),
  brightShare: Share.describe("of the pixels, luminance 250 or more"),
  sharpness: z.number().min(0).describe("standard deviation of the Laplacian, percent of the mean luminance"),
});
export type ImageStatistics = z.infer<typeof ImageStatistics>;
