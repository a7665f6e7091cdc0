/** First in, first out, with a hard bound. What happens when it is full is the caller's decision: `offer` says no. */
export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly capacity: number;
  refusedCount = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.#items.length;
  }

  /** False when the queue is full; the item was not taken. */
  offer(item: T): boolean {
    if (this.#items.length >= this.capacity) {
      this.refusedCount++;
      return false;
    }
    this.#items.push(item);
    return true;
  }

  take(): T | undefined {
    return this.#items.shift();
  }
}
