import { make } from "./dom.js";
import { PAGE_CASES } from "./case-pages.js";

/** Browsers lay out no more than some 17 to 33 million px; a longer list is scrolled in proportion. */
const MOST_HEIGHT_PX = 15_000_000;
const SPARE_ROWS = 2;
const SETTLE_MS = 60;

/** How tiles of at least `least` px share `width` px; `shape` is height by width of their pictures. */
export function layoutOf({ width, least, gap, footPx, shape }) {
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const tileWidth = (width - gap * (columns - 1)) / columns;
  return { columns, tileWidth, rowHeight: Math.round(tileWidth * shape + footPx) + gap };
}

/**
 * Shows of a list of any length only the tiles in view. Tiles are reused by their place, so that the number of elements
 * depends on the window and not on the list.
 */
export class VirtualGrid {
  element;
  #pages;
  #tile;
  #onView;
  #spacer = make("div", { className: "grid-spacer", role: "presentation" });
  #stage = make("div", { className: "grid-stage", role: "presentation" });
  #tiles = new Map();
  #layout = null;
  #least = 168;
  #shape = 0.75;
  #active = 0;
  #settle = 0;
  #observer = new ResizeObserver(() => this.measure());

  /** `tile.make()` gives an element, `tile.show(element, case | undefined, index)` fills it. */
  constructor({ element, pages, tile, onView = () => undefined }) {
    this.element = element;
    this.#pages = pages;
    this.#tile = tile;
    this.#onView = onView;
    element.replaceChildren(this.#spacer, this.#stage);
    element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.#observer.observe(element); // measures at once
  }

  stop() {
    this.#observer.disconnect();
    clearTimeout(this.#settle);
  }

  setLeast(px) {
    const top = this.firstInView();
    this.#least = px;
    this.measure();
    this.reveal(top);
  }

  /** Height by width of the pictures; a shape that is nearly the present one changes nothing. */
  setShape(shape) {
    const kept = Math.min(1.3, Math.max(0.55, shape));
    if (Math.abs(kept - this.#shape) < 0.05) return;
    const top = this.firstInView();
    this.#shape = kept;
    this.measure();
    this.reveal(top);
  }

  get columns() {
    return this.#layout?.columns ?? 1;
  }

  get rowsInView() {
    return Math.max(1, Math.floor(this.element.clientHeight / (this.#layout?.rowHeight ?? 1)));
  }

  get active() {
    return this.#active;
  }

  set active(index) {
    this.#active = Math.max(0, Math.min(index, this.#pages.total - 1));
  }

  measure() {
    const style = getComputedStyle(this.element);
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width =
      this.element.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    if (width <= 0) return;
    this.#layout = layoutOf({ width, least: this.#least, gap: 10, footPx: Math.round(3.5 * rem), shape: this.#shape });
    this.draw();
  }

  /** Heights of the whole list and of the scroll bar, and px of list per px of scrolling. */
  #heights() {
    const rows = Math.ceil(this.#pages.total / this.#layout.columns);
    const full = rows * this.#layout.rowHeight;
    const shown = Math.min(full, MOST_HEIGHT_PX);
    const view = this.element.clientHeight;
    const ratio = shown > view ? Math.max(1, (full - view) / (shown - view)) : 1;
    return { rows, shown, ratio };
  }

  #firstRow(ratio) {
    return Math.floor((this.element.scrollTop * ratio) / this.#layout.rowHeight);
  }

  firstInView() {
    return this.#layout === null ? 0 : this.#firstRow(this.#heights().ratio) * this.#layout.columns;
  }

  /** Scrolls as little as needed for the case at `index` to be seen. */
  reveal(index) {
    if (this.#layout === null) return;
    const { ratio } = this.#heights();
    const { rowHeight, columns } = this.#layout;
    const top = Math.floor(index / columns) * rowHeight;
    const from = this.element.scrollTop * ratio;
    const view = this.element.clientHeight;
    if (top < from) this.element.scrollTop = top / ratio;
    else if (top + rowHeight > from + view) this.element.scrollTop = (top + rowHeight - view) / ratio;
    this.draw();
  }

  draw() {
    if (this.#layout === null) return;
    const { columns, tileWidth, rowHeight } = this.#layout;
    const { rows, shown, ratio } = this.#heights();
    this.#spacer.style.height = `${shown}px`;
    const offset = this.element.scrollTop * ratio;
    const first = Math.max(0, Math.floor(offset / rowHeight) - SPARE_ROWS);
    const last = Math.min(rows, Math.ceil((offset + this.element.clientHeight) / rowHeight) + SPARE_ROWS);
    const from = first * columns;
    const to = Math.min(this.#pages.total, last * columns);
    this.#recycle(from, to);
    for (let index = from; index < to; index++) {
      const tile = this.#tiles.get(index);
      const x = (index % columns) * (tileWidth + 10);
      const y = Math.floor(index / columns) * rowHeight - offset + this.element.scrollTop;
      tile.style.width = `${tileWidth}px`;
      tile.style.height = `${rowHeight - 10}px`;
      tile.style.transform = `translate(${x}px, ${y}px)`;
      this.#tile.show(tile, this.#pages.at(index), index);
    }
    this.#askFor(from, to);
  }

  #recycle(from, to) {
    const spare = [];
    for (const [index, tile] of this.#tiles) {
      if (index >= from && index < to) continue;
      this.#tiles.delete(index);
      spare.push(tile);
    }
    for (let index = from; index < to; index++) {
      if (this.#tiles.has(index)) continue;
      let tile = spare.pop();
      if (tile === undefined) {
        tile = this.#tile.make();
        this.#stage.append(tile);
      }
      this.#tiles.set(index, tile);
    }
    for (const tile of spare) tile.remove();
  }

  /** Fetches what is in view, once the scrolling rests: a thumb dragged over a million cases asks for no page on its way. */
  #askFor(from, to) {
    const wanted = [];
    for (
      let number = Math.floor(from / PAGE_CASES);
      number <= Math.floor(Math.max(from, to - 1) / PAGE_CASES);
      number++
    ) {
      if (!this.#pages.isLoaded(number)) wanted.push(number);
    }
    clearTimeout(this.#settle);
    if (wanted.length === 0) {
      this.#onView(from, to);
      return;
    }
    this.#settle = setTimeout(async () => {
      try {
        for (const number of wanted) await this.#pages.load(number);
      } catch (error) {
        this.#onView(from, to, error);
        return;
      }
      this.draw();
    }, SETTLE_MS);
  }
}
