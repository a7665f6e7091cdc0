export interface Tone {
  /** Added, as a share of the full range; 0: unchanged. */
  readonly brightness: number;
  /** Factor about the middle grey; 1: unchanged. */
  readonly contrast: number;
  /** Exponent of the value as a share of the full range; 1: unchanged, above: darker middle. */
  readonly gamma: number;
}

/** New value of each of the 256 values: gamma, then contrast, then brightness; null where nothing changes. */
export function toneTable({ brightness, contrast, gamma }: Tone): Uint8Array | null {
  if (brightness === 0 && contrast === 1 && gamma === 1) return null;
  return Uint8Array.from({ length: 256 }, (_, value) => {
    const curved = 255 * (value / 255) ** gamma;
    return Math.max(0, Math.min(255, Math.round((curved - 127.5) * contrast + 127.5 + 255 * brightness)));
  });
}
