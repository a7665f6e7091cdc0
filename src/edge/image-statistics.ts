import type { ImageStatistics } from "../contracts/image-statistics.ts";
import type { FrameStatistics } from "../imaging/frame-statistics.ts";

/** What the sanity gate measured, as the hub is told; null for a part whose frame never came there. */
export function imageStatisticsOf(measured: FrameStatistics | undefined): ImageStatistics | null {
  if (measured === undefined) return null;
  const { meanLuminance, darkShare, brightShare, sharpness } = measured;
  return {
    brightness: shorten(meanLuminance),
    darkShare: shorten(darkShare),
    brightShare: shorten(brightShare),
    sharpness: shorten(sharpness),
  };
}

const shorten = (value: number): number => Number(value.toPrecision(4));
