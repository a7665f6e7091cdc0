/** What is kept of a decided part for a while: its picture, should a person ask for it. */
export interface RecentFrame {
  readonly verdictId: string;
  /** Memory it holds. */
  readonly bytes: number;
}

/** The frames of the newest verdicts, by memory: references, no copies. The very newest is always kept. */
export class RecentFrames<T extends RecentFrame> {
  readonly #mostBytes: number;
  readonly #frames = new Map<string, T>();
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(frame: T): void {
    this.#frames.set(frame.verdictId, frame);
    this.#bytes += frame.bytes;
    for (const [id, { bytes }] of this.#frames) {
      if (this.#bytes <= this.#mostBytes || this.#frames.size === 1) return;
      this.#frames.delete(id);
      this.#bytes -= bytes;
    }
  }

  get(verdictId: string): T | undefined {
    return this.#frames.get(verdictId);
  }
}
