import { PAGE_CASES } from "./case-pages.js";

/** Cases that were chosen, with where a range began. */
export class Selection {
  static MOST = 5000;
  #cases = new Map();
  #anchor = null;

  get size() {
    return this.#cases.size;
  }

  get cases() {
    return [...this.#cases.values()];
  }

  has(id) {
    return this.#cases.has(id);
  }

  clear() {
    this.#cases.clear();
    this.#anchor = null;
  }

  add(each, index) {
    if (this.#cases.size < Selection.MOST) this.#cases.set(each.id, each);
    this.#anchor ??= index;
  }

  toggle(each, index) {
    if (!this.#cases.delete(each.id)) this.#cases.set(each.id, each);
    this.#anchor = index;
  }

  /** Chooses everything between the anchor (else `from`) and `index`, loading what lies between. False: cut short. */
  async extend(pages, index, from) {
    this.#anchor ??= from;
    const [low, high] = [Math.min(this.#anchor, index), Math.max(this.#anchor, index)];
    const end = Math.min(high, low + Selection.MOST - 1);
    for (let number = Math.floor(low / PAGE_CASES); number <= Math.floor(end / PAGE_CASES); number++) {
      await pages.load(number);
    }
    this.#cases.clear();
    for (let each = low; each <= end; each++) {
      const found = pages.at(each);
      if (found !== undefined) this.#cases.set(found.id, found);
    }
    return end === high;
  }
}
