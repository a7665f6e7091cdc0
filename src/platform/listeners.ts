/** Those who want to hear of something, in the order in which they asked. A listener must not throw. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** The returned function ends it. */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }
}
