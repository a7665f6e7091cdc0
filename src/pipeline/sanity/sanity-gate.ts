import { z } from "zod";
import type { FaultReason } from "../../contracts/verdict.ts";
import type { FrameStatistics } from "../../imaging/frame-statistics.ts";
import { thumbnailSimilarity } from "./thumbnail-similarity.ts";

/**
 * What an image must be like to be judged at all. Luminance runs from 0 (black) to 255 (white). The defaults refuse what
 * no picture of a part can be; a recipe tightens them to its own station.
 */
export const SanityLimits = z.strictObject({
  minBrightness: z.number().min(0).max(255).default(8).describe("mean luminance below: dark"),
  maxSaturatedShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.995)
    .describe("share of pixels at 250 or more, above: overexposed; 0.5 suits photographs"),
  minSharpness: z.number().min(0).default(3).describe("see FrameStatistics.sharpness; below: blurred; 0 turns it off"),
  frozen: z.boolean().default(true).describe("refuse a frame identical to the one before it (live sources only)"),
  torn: z.boolean().default(true).describe("refuse a frame whose bottom rows are one flat colour (live sources only)"),
  reference: z
    .string()
    .optional()
    .describe("image of the empty or standard scene; against it the camera must not have moved"),
  minReferenceSimilarity: z
    .number()
    .min(-1)
    .max(1)
    .default(0.5)
    .describe("correlation with the reference; below: camera-moved"),
  expectedWidthPx: z.int().positive().optional(),
  expectedHeightPx: z.int().positive().optional(),
});
export type SanityLimits = Readonly<z.infer<typeof SanityLimits>>;

export interface SanityInput {
  readonly statistics: FrameStatistics;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Of a camera: repeated and half-filled frames are its failures. In files they may be what the picture shows. */
  readonly live: boolean;
  /** Content hash of the frame before this one. */
  readonly previousHash: bigint | undefined;
  /** Thumbnail of the recipe's reference image. */
  readonly reference: Uint8Array | undefined;
}

export type SanityFinding =
  { readonly ok: true } | { readonly ok: false; readonly reason: FaultReason; readonly detail: string };

const refuse = (reason: FaultReason, detail: string): SanityFinding => ({ ok: false, reason, detail });
const percent = (share: number): string => `${(share * 100).toFixed(0)}%`;

/** Whether a frame may be judged. Pure; the first failed check names the fault. */
export function checkSanity(input: SanityInput, limits: SanityLimits): SanityFinding {
  const { statistics, widthPx, heightPx } = input;
  const { expectedWidthPx = widthPx, expectedHeightPx = heightPx } = limits;
  if (widthPx !== expectedWidthPx || heightPx !== expectedHeightPx) {
    return refuse(
      "wrong-size",
      `the frame is ${widthPx}x${heightPx} px, the recipe expects ${expectedWidthPx}x${expectedHeightPx} px`,
    );
  }
  if (limits.torn && input.live && statistics.flatBottomRows)
    return refuse("torn", "the bottom rows of the frame are one flat colour");
  if (statistics.meanLuminance < limits.minBrightness) {
    return refuse("dark", `mean brightness ${statistics.meanLuminance.toFixed(1)} is below ${limits.minBrightness}`);
  }
  if (statistics.brightShare > limits.maxSaturatedShare) {
    return refuse(
      "overexposed",
      `${percent(statistics.brightShare)} of the image is saturated, ${percent(limits.maxSaturatedShare)} are allowed`,
    );
  }
  if (
    limits.frozen &&
    input.live &&
    input.previousHash !== undefined &&
    statistics.contentHash === input.previousHash
  ) {
    return refuse("frozen", "the frame is identical to the one before it");
  }
  if (statistics.sharpness < limits.minSharpness) {
    return refuse("blurred", `sharpness ${statistics.sharpness.toFixed(2)} is below ${limits.minSharpness}`);
  }
  return checkReference(input, limits);
}

function checkReference(input: SanityInput, limits: SanityLimits): SanityFinding {
  const { thumbnail } = input.statistics;
  if (input.reference === undefined) return { ok: true };
  const similarity = thumbnail === undefined ? 0 : thumbnailSimilarity(thumbnail, input.reference);
  if (similarity >= limits.minReferenceSimilarity) return { ok: true };
  return refuse(
    "camera-moved",
    `correlation with the reference is ${similarity.toFixed(2)}, at least ${limits.minReferenceSimilarity} is needed`,
  );
}
