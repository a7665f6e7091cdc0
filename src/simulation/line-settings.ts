/** The classes of the magnetic-tile photographs; `free` is a good part. */
export const DEFECT_CLASSES = ["blowhole", "break", "crack", "fray", "uneven"] as const;
export type DefectClass = (typeof DEFECT_CLASSES)[number];
export type PartClass = DefectClass | "free";

export interface LineLighting {
  /** Mean grey level of an average part, 0-255. The six lightings of the photographs: PHOTOGRAPHED_GREY. */
  readonly meanGrey: number;
  /** Relative brightness difference from one side of the frame to the other, 0-1. */
  readonly gradient: number;
  /** Relative loss of light in the corners, 0-1. */
  readonly vignetting: number;
}

/** What goes wrong with the station itself, from a stated part on, reaching its full amount after a ramp. */
export interface LineDrift {
  readonly from: { readonly part: number } | { readonly seconds: number };
  /** Parts from the first trace to the full amount; 0 is a sudden change. */
  readonly rampParts: number;
  /** Share of the light the lamp loses, 0-1. */
  readonly lampLoss: number;
  /** Share of the contrast lost to stray light, 0-1. */
  readonly contrastLoss: number;
  /** Blur added to the lens's own: deviation of a Gaussian, px. */
  readonly blurPx: number;
  /** Dust specks on the window in front of the lens: at the same place in every frame. */
  readonly dustSpots: number;
}

/** Everything about the simulated line; part k looks the same whenever these are the same. */
export interface LineSettings {
  readonly seed: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly partsPerSecond: number;
  /** Probability that a part is defective, 0-1. */
  readonly defectRate: number;
  /** Relative weights of the defects; a class left out never occurs. */
  readonly classMix: Readonly<Partial<Record<DefectClass, number>>>;
  readonly lighting: LineLighting;
  readonly drift: LineDrift | null;
}

/** Median grey level of the photographs under lighting 1 to 6, measured. */
export const PHOTOGRAPHED_GREY = [66, 84, 101, 118, 136, 155] as const;

/** Frame of the photographs' median size at their own scale; the mix is that of the photographs. */
export const DEFAULT_LINE: LineSettings = {
  seed: 1,
  widthPx: 288,
  heightPx: 336,
  partsPerSecond: 5,
  defectRate: 0.1,
  classMix: { blowhole: 77, break: 63, crack: 39, fray: 20, uneven: 73 },
  lighting: { meanGrey: 118, gradient: 0.25, vignetting: 0.1 },
  drift: null,
};

/** The state of the station while part `index` passes. All zero before a drift starts. */
export interface DriftState {
  readonly lampLoss: number;
  readonly contrastLoss: number;
  readonly blurPx: number;
  readonly dustSpots: number;
}

export function driftAt(settings: LineSettings, index: number): DriftState {
  const { drift } = settings;
  if (drift === null) return { lampLoss: 0, contrastLoss: 0, blurPx: 0, dustSpots: 0 };
  const first = "part" in drift.from ? drift.from.part : drift.from.seconds * settings.partsPerSecond;
  const since = index - first;
  const amount = since < 0 ? 0 : drift.rampParts === 0 ? 1 : Math.min(1, since / drift.rampParts);
  return {
    lampLoss: amount * drift.lampLoss,
    contrastLoss: amount * drift.contrastLoss,
    blurPx: amount * drift.blurPx,
    dustSpots: Math.round(amount * drift.dustSpots),
  };
}
