/** More than this many idle buffers are let go. */
const MOST_IDLE = 16;
/** Of all sizes together: recipes cut into many regions have batches of many megabytes. */
const MOST_IDLE_BYTES = 64 * 1024 * 1024;

/** Input buffers used again and again: a fresh one for each frame would keep the garbage collector busy. */
export class BatchPool {
  readonly #idle = new Map<number, Uint8Array[]>();
  #idleBytes = 0;

  /** A buffer of exactly `bytes`; its content is whatever was in it before. */
  take(bytes: number): Uint8Array {
    const buffer = this.#idle.get(bytes)?.pop();
    if (buffer === undefined) return new Uint8Array(bytes);
    this.#idleBytes -= bytes;
    return buffer;
  }

  /** Nobody may touch the buffer after giving it back. */
  give(buffer: Uint8Array): void {
    const idle = this.#idle.get(buffer.length) ?? [];
    this.#idle.set(buffer.length, idle);
    if (idle.length >= MOST_IDLE || this.#idleBytes + buffer.length > MOST_IDLE_BYTES) return;
    idle.push(buffer);
    this.#idleBytes += buffer.length;
  }
}
