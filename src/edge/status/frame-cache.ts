import { encodeJpeg } from "../../imaging/encode-jpeg.ts";
import type { FrameBody } from "./api-schemas.ts";
import type { DeviceView, LatestFrame } from "./device-view.ts";

/** Viewers ask for the picture of a description they have just got: a few verdicts back is enough. */
const KEPT_FRAMES = 4;
const JPEG_QUALITY = 85;

export interface EncodedFrame {
  readonly id: string;
  readonly body: FrameBody;
  readonly jpeg: Promise<Uint8Array>;
}

function describe({ verdict, image, heatmap }: LatestFrame): FrameBody {
  return {
    verdict,
    widthPx: image.widthPx,
    heightPx: image.heightPx,
    image: `/api/v1/frames/latest.jpg?id=${verdict.id}`,
    heatmap: heatmap && {
      rows: heatmap.rows,
      cols: heatmap.cols,
      values: Array.from(heatmap.values, (value) => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000),
    },
  };
}

/** The frames people look at: each is encoded once, however many look. Pixels are not kept, only their JPEGs. */
export class FrameCache {
  readonly #device: DeviceView;
  readonly #frames: EncodedFrame[] = [];

  constructor(device: DeviceView) {
    this.#device = device;
  }

  latest(): EncodedFrame | undefined {
    const latest = this.#device.latestFrame();
    if (latest === undefined) return undefined;
    const kept = this.byId(latest.verdict.id);
    if (kept !== undefined) return kept;
    const jpeg = encodeJpeg(latest.image, JPEG_QUALITY);
    jpeg.catch(() => undefined); // whoever asks for the picture gets the error
    const frame = { id: latest.verdict.id, body: describe(latest), jpeg };
    this.#frames.push(frame);
    if (this.#frames.length > KEPT_FRAMES) this.#frames.shift();
    return frame;
  }

  byId(id: string): EncodedFrame | undefined {
    return this.#frames.find((frame) => frame.id === id);
  }
}
