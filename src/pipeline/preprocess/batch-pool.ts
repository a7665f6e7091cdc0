/** More than this many idle buffers are let go. */
const MOST_IDLE = 16;

/** Input buffers used again and again: a fresh one for each frame would keep the garbage collector busy. */
export class BatchPool {
  readonly #idle = new Map<number, Uint8Array[]>();

  /** A buffer of exactly `bytes`; its content is whatever was in it before. */
  take(bytes: number): Uint8Array {
    return this.#idle.get(bytes)?.pop() ?? new Uint8Array(bytes);
  }

  /** Nobody may touch the buffer after giving it back. */
  give(buffer: Uint8Array): void {
    const idle = this.#idle.get(buffer.length) ?? [];
    this.#idle.set(buffer.length, idle);
    if (idle.length < MOST_IDLE) idle.push(buffer);
  }
}
