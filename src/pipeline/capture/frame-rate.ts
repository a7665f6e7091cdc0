/** Frames per second over the last few frames; 0 once none has come for a while. */
export class FrameRate {
  readonly #ticks = new Float64Array(64);
  #count = 0;

  note(tick: number): void {
    this.#ticks[this.#count++ % this.#ticks.length] = tick;
  }

  /** `silenceMs` without a frame counts as standing still. */
  perSecond(nowTick: number, silenceMs: number): number {
    const kept = Math.min(this.#count, this.#ticks.length);
    if (kept < 2) return 0;
    const newest = this.#ticks[(this.#count - 1) % this.#ticks.length] ?? 0;
    const oldest = this.#ticks[(this.#count - kept) % this.#ticks.length] ?? 0;
    if (nowTick - newest > silenceMs || newest <= oldest) return 0;
    return ((kept - 1) * 1000) / (newest - oldest);
  }

  clear(): void {
    this.#count = 0;
  }
}
