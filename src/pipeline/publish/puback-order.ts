/** MQTT wants acknowledgements in the order of the messages, though these are dealt with at their own pace. */
export class PubackOrder {
  readonly #acknowledge: (messageId: number) => void;
  readonly #open: { readonly messageId: number; handled: boolean }[] = [];

  constructor(acknowledge: (messageId: number) => void) {
    this.#acknowledge = acknowledge;
  }

  /** A message whose handling fails is not acknowledged, nor any after it: the broker delivers them again. */
  add(messageId: number, handled: Promise<void>): void {
    const entry = { messageId, handled: false };
    this.#open.push(entry);
    void handled.then(
      () => {
        entry.handled = true;
        while (this.#open[0]?.handled === true) this.#acknowledge(this.#open.shift()?.messageId ?? 0);
      },
      () => undefined,
    );
  }
}
