import { get } from "./api.js";

const AHEAD = 40;

/** A list of case ids that is worked through; more are fetched before it runs out. */
export class Queue {
  #ids = [];
  #place = 0;
  #fetchMore;
  #ended = false;
  #total;

  /** `fetchMore(known)` gives `{ids, total | null}`; no ids: the queue ends there. */
  constructor(fetchMore) {
    this.#fetchMore = fetchMore;
  }

  async start() {
    await this.#more();
    return this.current;
  }

  get current() {
    return this.#ids[this.#place] ?? null;
  }

  get progress() {
    return { done: this.#place, total: this.#total ?? null };
  }

  get hasPrevious() {
    return this.#place > 0;
  }

  /** Ids that come next, for their images to be fetched ahead. */
  peek(count) {
    return this.#ids.slice(this.#place + 1, this.#place + 1 + count);
  }

  /** The id after the step; null past the end. */
  async step(by) {
    const place = this.#place + by;
    if (place < 0) return this.current;
    if (place >= this.#ids.length - 5 && !this.#ended) await this.#more();
    this.#place = Math.min(place, this.#ids.length);
    return this.current;
  }

  async #more() {
    const { ids, total } = await this.#fetchMore(this.#ids.length);
    if (total !== undefined) this.#total = total;
    const fresh = ids.filter((id) => !this.#ids.includes(id));
    if (fresh.length === 0) this.#ended = true;
    this.#ids.push(...fresh);
  }
}

export const queueOf = (ids) =>
  new Queue((known) => Promise.resolve({ ids: known === 0 ? ids : [], total: ids.length }));

/** Cases of a filter, page by page, as a queue. */
export function filterQueue(filter, order) {
  let next;
  let ended = false;
  return new Queue(async (known) => {
    let page = { cases: [] };
    while (!ended && page.cases.length === 0) {
      page = await get("cases", { filter, limit: AHEAD, beforeRow: next, order });
      next = page.nextBeforeRow ?? undefined;
      ended = page.nextBeforeRow === null;
    }
    const total = known === 0 ? (await get("cases/count", { filter, atMost: 10_000 })).count : undefined;
    return total === undefined
      ? { ids: page.cases.map(({ id }) => id) }
      : { ids: page.cases.map(({ id }) => id), total };
  });
}

/** Steps through the gallery's list from a case in its middle, in both directions. */
export class Neighbours {
  #filter;
  #order;
  #row;
  #id;

  constructor({ id, filter, order }) {
    this.#id = id;
    this.#filter = filter;
    this.#order = order === "oldest" ? "oldest" : "newest";
  }

  async start() {
    return this.#id;
  }

  get current() {
    return this.#id;
  }

  get progress() {
    return null;
  }

  get hasPrevious() {
    return true;
  }

  peek() {
    return [];
  }

  /** The view tells the row of the case it shows. */
  at({ id, row }) {
    this.#id = id;
    this.#row = row;
  }

  async step(by) {
    const order = by > 0 === (this.#order === "newest") ? "newest" : "oldest";
    let beforeRow = this.#row;
    do {
      const { cases, nextBeforeRow } = await get("cases", { filter: this.#filter, limit: 1, beforeRow, order });
      if (cases[0] !== undefined) return cases[0].id;
      beforeRow = nextBeforeRow;
    } while (beforeRow !== null);
    return null;
  }
}
