import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import type { LineSettings } from "../../simulation/line-settings.ts";
import { DEFAULT_LINE, DEFECT_CLASSES } from "../../simulation/line-settings.ts";
import { renderPart } from "../../simulation/render-part.ts";
import type { FrameMetadata } from "../frame.ts";
import type { Exposure, FrameSource } from "./frame-source.ts";

const share = z.number().min(0).max(1);

const LightingOptions = z.strictObject({
  meanGrey: z
    .number()
    .min(5)
    .max(230)
    .default(DEFAULT_LINE.lighting.meanGrey)
    .describe("mean grey level of an average part, 0-255"),
  gradient: share.default(DEFAULT_LINE.lighting.gradient).describe("relative brightness difference across the frame"),
  vignetting: share.default(DEFAULT_LINE.lighting.vignetting).describe("relative loss of light in the corners"),
});

const DriftOptions = z.strictObject({
  from: z
    .union([z.strictObject({ part: z.int().min(0) }), z.strictObject({ seconds: z.number().min(0) })])
    .describe("the first part that shows it, or the time at the line's rate"),
  rampParts: z.int().min(0).default(200).describe("parts until the full amount"),
  lampLoss: share.default(0).describe("share of the light that is lost"),
  contrastLoss: share.default(0).describe("share of the contrast that stray light takes"),
  blurPx: z.number().min(0).max(20).default(0).describe("added blur, deviation of a Gaussian"),
  dustSpots: z.int().min(0).max(500).default(0).describe("dust specks in front of the lens"),
});

export const SimulatedSourceOptions = z.strictObject({
  type: z.literal("simulated"),
  seed: z.int().min(0).max(0xffffffff).default(DEFAULT_LINE.seed).describe("the same seed gives the same parts"),
  widthPx: z.int().min(64).max(4096).default(DEFAULT_LINE.widthPx),
  heightPx: z.int().min(64).max(4096).default(DEFAULT_LINE.heightPx),
  partsPerSecond: z.number().positive().max(1000).default(DEFAULT_LINE.partsPerSecond),
  asFastAsPossible: z
    .boolean()
    .default(false)
    .describe("do not keep the rate: wait for the line instead, lose nothing"),
  firstPart: z.int().min(0).default(0),
  parts: z.int().positive().optional().describe("end after so many; without it for ever"),
  defectRate: share.default(DEFAULT_LINE.defectRate).describe("probability that a part is defective"),
  classMix: z
    .partialRecord(z.enum(DEFECT_CLASSES), z.number().min(0))
    .default({ ...DEFAULT_LINE.classMix })
    .describe("relative weights of the defects; one left out never occurs"),
  lighting: LightingOptions.prefault({}),
  drift: DriftOptions.nullable().default(null).describe("what goes wrong with the station, and when"),
});
export type SimulatedSourceOptions = z.infer<typeof SimulatedSourceOptions>;

/**
 * The simulated line as a camera: one exposure for each part that passes, at the line's rate. A part is rendered on
 * this thread while its predecessor passes (about 10 ms at the default size, a twentieth of the time at 5 parts/s: a
 * worker would cost more in memory and start-up than it saves), so it is ready when it is due and a late consumer
 * delays the belt instead of getting parts in a burst. After a restart the belt goes on with the next part.
 * The time grows with the pixels: at 1280x720 a part takes some 70 ms, so such frames suit replay, not a busy device.
 * Metadata: `part`, `groundTruth` (class), `simulated`, `index` and `defectAreaPx` (marked pixels).
 */
export function simulatedSource(options: SimulatedSourceOptions, clock: Clock): FrameSource {
  const settings: LineSettings = options;
  const periodMs = 1000 / options.partsPerSecond;
  const end = options.parts === undefined ? Infinity : options.firstPart + options.parts;
  let next = options.firstPart;
  async function* exposures(signal: AbortSignal): AsyncGenerator<Exposure, void, void> {
    let dueTick: number = clock.tick();
    while (next < end) {
      signal.throwIfAborted();
      // The part before is being judged right now: rendering waits until half of the pause to the next has gone.
      if (!options.asFastAsPossible) await clock.sleep(Math.max(0, dueTick - clock.tick()) / 2, signal);
      const { image, metadata } = photograph(settings, next);
      // Even an unpaced belt lets timers and sockets have their turn.
      await clock.sleep(options.asFastAsPossible ? 0 : Math.max(0, dueTick - clock.tick()), signal);
      const capturedTick = clock.tick();
      dueTick = (capturedTick - dueTick < periodMs ? dueTick : capturedTick) + periodMs;
      next++;
      yield { kind: "frame", image, capturedAt: clock.wallNow(), capturedTick, metadata };
    }
  }
  return { name: `simulated line, seed ${options.seed}`, live: !options.asFastAsPossible, idles: true, exposures };
}

function photograph(
  settings: LineSettings,
  index: number,
): Pick<Extract<Exposure, { kind: "frame" }>, "image" | "metadata"> {
  const part = renderPart(settings, index);
  const defectAreaPx = part.mask.pixels.reduce((area, value) => area + (value === 0 ? 0 : 1), 0);
  const metadata: FrameMetadata = { part: part.partId, groundTruth: part.label, simulated: true, index, defectAreaPx };
  return { image: part.image, metadata };
}
