import type { Image } from "../imaging/image.ts";
import type { StoredRegion } from "./pixel-store.ts";
import { maskAreaPx, maskCanvas } from "./region-mask.ts";

/** A defect that covers more than this share of the picture is no local thing that could lie on another part. */
const MOST_SHARE = 0.25;
/** The cut runs this far outside the marked defect, and fades over as much again. */
const MARGIN_PX = 3;
const FADE_PX = 2;
/** Around the cut both parts are compared to match their brightness. */
const RING_PX = 7;
const MOST_GAIN = 3;

/** Whether the region's defect is outlined (a box would bring its corners along) and small enough to be moved. */
export function canTransplant({ mask, canvas, isOutlined }: StoredRegion): boolean {
  if (mask === null || mask === "clear" || !isOutlined) return false;
  return maskAreaPx(mask) <= MOST_SHARE * canvas.widthPx * canvas.heightPx;
}

/**
 * The marked defect of `donor` on the sound part `host`, at its own place, feathered and with the host's brightness
 * around it ("cut-paste" with real masks: Ghiasi et al. 2021, "Simple copy-paste"; see docs/models.md). Few defective
 * parts would otherwise be learned by heart with their background. Both canvases have the same size; the result has the
 * host's channels.
 */
export function transplant(donor: StoredRegion, host: Image): Image {
  const { widthPx, heightPx } = host;
  const marked = maskCanvas(donor.mask, donor.canvas).pixels;
  const cut = spread(binary(marked), widthPx, heightPx, MARGIN_PX);
  const ring = spread(cut, widthPx, heightPx, RING_PX);
  const gain = gainAround(donor.canvas, host, cut, ring);
  const alpha = blurred(cut, widthPx, heightPx, FADE_PX);
  const pixels = Uint8Array.from(host.pixels);
  for (let pixel = 0; pixel < alpha.length; pixel++) {
    const share = alpha[pixel] ?? 0;
    if (share === 0) continue;
    for (let channel = 0; channel < host.channels; channel++) {
      const at = pixel * host.channels + channel;
      const own =
        donor.canvas.pixels[pixel * donor.canvas.channels + Math.min(channel, donor.canvas.channels - 1)] ?? 0;
      pixels[at] = Math.round((1 - share) * (host.pixels[at] ?? 0) + share * Math.min(255, own * gain));
    }
  }
  return { ...host, pixels };
}

const binary = (marked: Uint8Array): Float32Array => Float32Array.from(marked, (value) => (value > 64 ? 1 : 0));

/** 1 wherever a 1 lies within `radiusPx` in both directions. */
const spread = (cut: Float32Array, widthPx: number, heightPx: number, radiusPx: number): Float32Array =>
  blurred(cut, widthPx, heightPx, radiusPx).map((value) => (value > 1e-6 ? 1 : 0));

/** Mean over a square of 2 * radius + 1 px, places beyond the edge counting as 0. */
function blurred(values: Float32Array, widthPx: number, heightPx: number, radiusPx: number): Float32Array {
  const across = alongLines(values, { lines: heightPx, length: widthPx, step: 1, lineStep: widthPx, radiusPx });
  return alongLines(across, { lines: widthPx, length: heightPx, step: widthPx, lineStep: 1, radiusPx });
}

interface Lines {
  readonly lines: number;
  readonly length: number;
  readonly step: number;
  readonly lineStep: number;
  readonly radiusPx: number;
}

function alongLines(values: Float32Array, { lines, length, step, lineStep, radiusPx }: Lines): Float32Array {
  const result = new Float32Array(values.length);
  const window = 2 * radiusPx + 1;
  for (let line = 0; line < lines; line++) {
    let sum = 0;
    for (let place = -radiusPx; place < length; place++) {
      const entering = place + radiusPx;
      const leaving = place - radiusPx - 1;
      if (entering < length) sum += values[line * lineStep + entering * step] ?? 0;
      if (leaving >= 0) sum -= values[line * lineStep + leaving * step] ?? 0;
      if (place >= 0) result[line * lineStep + place * step] = sum / window;
    }
  }
  return result;
}

/** How much brighter the host is around the cut. */
function gainAround(donor: Image, host: Image, cut: Float32Array, ring: Float32Array): number {
  let donorSum = 0;
  let hostSum = 0;
  for (let pixel = 0; pixel < cut.length; pixel++) {
    if (ring[pixel] !== 1 || cut[pixel] === 1) continue;
    donorSum += donor.pixels[pixel * donor.channels] ?? 0;
    hostSum += host.pixels[pixel * host.channels] ?? 0;
  }
  if (donorSum === 0) return 1;
  return Math.min(MOST_GAIN, Math.max(1 / MOST_GAIN, hostSum / donorSum));
}
