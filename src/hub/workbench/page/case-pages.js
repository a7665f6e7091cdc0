/** Cases a page holds. */
export const PAGE_CASES = 120;
/** Pages that are kept; older ones are fetched again when somebody scrolls back. */
const KEPT_PAGES = 24;

/**
 * A list of cases of any length, by keyset pages. The hub gives only "the next cases after row R", so a jump to the middle
 * starts at a row estimated from how densely the filter's cases lie among all rows, and goes on from there exactly in
 * both directions. Neighbouring pages are always chained: what is scrolled through has neither gap nor repetition; where a
 * chain meets a page that was estimated, the estimate is dropped. The total corrects itself at the end of the list.
 */
export class CasePages {
  total;
  #newestFirst;
  #fetchPage;
  #span;
  #pages = new Map();
  #pending = new Map();

  /**
   * `fetchPage({limit, beforeRow, newestFirst})` gives `{cases, nextBeforeRow}`; `span` is `{first, last}`, the rows at
   * both ends of the list, or null where no jump is possible; `total` may be an estimate.
   */
  constructor({ fetchPage, newestFirst, span, total }) {
    this.#fetchPage = fetchPage;
    this.#newestFirst = newestFirst;
    this.#span = span;
    this.total = total;
  }

  get lastPage() {
    return Math.max(0, Math.ceil(this.total / PAGE_CASES) - 1);
  }

  /** The case at `index` when it is loaded. */
  at(index) {
    return this.#pages.get(Math.floor(index / PAGE_CASES))?.cases[index % PAGE_CASES];
  }

  /** Every loaded case with its index. */
  *loaded() {
    for (const [number, { cases }] of this.#pages) {
      for (const [place, each] of cases.entries()) yield [number * PAGE_CASES + place, each];
    }
  }

  indexOf(id) {
    for (const [index, each] of this.loaded()) if (each.id === id) return index;
    return -1;
  }

  /** Puts changed fields into a loaded case. */
  change(id, fields) {
    const index = this.indexOf(id);
    if (index >= 0) Object.assign(this.at(index), fields);
  }

  /** Loads page `number` unless it is there; calls for the same page are joined. */
  load(number) {
    if (number < 0 || number > this.lastPage || this.#pages.has(number)) return Promise.resolve();
    const pending = this.#pending.get(number) ?? this.#load(number).finally(() => this.#pending.delete(number));
    this.#pending.set(number, pending);
    return pending;
  }

  isLoaded(number) {
    return this.#pages.has(number);
  }

  async #load(number) {
    const before = this.#pages.get(number - 1);
    const after = this.#pages.get(number + 1);
    if (number === 0) return this.#keep(number, await this.#forward(undefined));
    if (before === undefined && number === this.lastPage && this.#span !== null) {
      return this.#keep(number, await this.#fromTheEnd(number));
    }
    if (before !== undefined) return this.#keepChained(number, before);
    if (after !== undefined) {
      const page = await this.#backward(after.cases[0].row);
      if (page.cases.length === PAGE_CASES) {
        after.rowBefore = page.cases.at(-1).row;
        return this.#keep(number, page);
      }
    }
    if (this.#span === null) {
      await this.load(number - 1);
      return this.isLoaded(number - 1) && number <= this.lastPage ? this.#load(number) : undefined;
    }
    return this.#keep(number, await this.#forward(this.#estimatedRow(number)));
  }

  async #keepChained(number, before) {
    if (before.next === null) return this.#endAt(number, 0);
    const page = await this.#forward(before.next);
    const after = this.#pages.get(number + 1);
    if (after !== undefined && after.rowBefore !== page.cases.at(-1)?.row) this.#dropFrom(number + 1);
    return this.#keep(number, page);
  }

  #forward(beforeRow) {
    return this.#wholePage(beforeRow, this.#newestFirst);
  }

  /** The last page is had from the other end, so that the list ends where it should. */
  async #fromTheEnd(number) {
    const count = this.total - number * PAGE_CASES;
    const { cases } = await this.#wholePage(undefined, !this.#newestFirst, count);
    return { cases: cases.toReversed(), next: null };
  }

  /** The hub may give a short page that is not the last: of a rare combination it only walks so far at a time. */
  async #wholePage(beforeRow, newestFirst, count = PAGE_CASES) {
    const cases = [];
    let next = beforeRow;
    do {
      const page = await this.#fetchPage({ limit: count - cases.length, beforeRow: next, newestFirst });
      cases.push(...page.cases);
      next = page.nextBeforeRow;
    } while (next !== null && cases.length < count);
    return { cases, next };
  }

  /** The page that ends just before `row`: fetched in the other direction and turned around. */
  async #backward(row) {
    const { cases } = await this.#wholePage(row, !this.#newestFirst);
    const turned = cases.toReversed();
    return { cases: turned, next: turned.at(-1)?.row ?? null };
  }

  #estimatedRow(number) {
    const { first, last } = this.#span;
    const share = Math.min(1, (number * PAGE_CASES) / Math.max(1, this.total - 1));
    const step = this.#newestFirst ? 1 : -1;
    return Math.round(first + (last - first) * share) + step;
  }

  #keep(number, page) {
    page.rowBefore = this.#pages.get(number - 1)?.cases.at(-1)?.row;
    this.#pages.set(number, page);
    if (page.next === null) this.#endAt(number, page.cases.length);
    else if (number >= this.lastPage) this.total = (number + 2) * PAGE_CASES;
    this.#forget(number);
  }

  /** The list was seen to end on page `number` after `cases` of it. */
  #endAt(number, cases) {
    this.total = number * PAGE_CASES + cases;
    this.#dropFrom(cases === 0 ? number : number + 1);
  }

  #dropFrom(number) {
    for (const each of this.#pages.keys()) if (each >= number) this.#pages.delete(each);
  }

  /** Keeps the pages nearest to the one just loaded. */
  #forget(number) {
    const far = [...this.#pages.keys()].sort((a, b) => Math.abs(b - number) - Math.abs(a - number));
    for (const each of far.slice(0, Math.max(0, far.length - KEPT_PAGES))) this.#pages.delete(each);
  }
}
