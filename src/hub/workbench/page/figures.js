import { make } from "./dom.js";
import { intervalText, NO_FIGURE, percentText } from "./format.js";

/**
 * A share (`{share, interval, trials}`) as a figure over a bar with its interval; `scale` is the share at the bar's end.
 */
export function shareBar(share, { scale = 1, kind = "" } = {}) {
  if (share === null || share.trials === 0) return make("span", { className: "hint", textContent: NO_FIGURE });
  const at = (value) => `${Math.min(100, Math.max(0, (100 * value) / scale))}%`;
  const { low, high } = share.interval;
  const width = `${Math.max(0, Math.min(100, (100 * high) / scale) - Math.min(100, (100 * low) / scale))}%`;
  return make(
    "div",
    { className: "share" },
    make(
      "span",
      { className: "share-figure" },
      percentText(share.share),
      make("small", { textContent: intervalText(share.interval) }),
    ),
    make(
      "span",
      { className: `share-track ${kind}`, ariaHidden: "true" },
      make("i", { className: "value", style: { width: at(share.share) } }),
      make("i", { className: "range", style: { left: at(low), width } }),
    ),
  );
}

/** A large figure with its name and what belongs beside it. */
export const bigFigure = (name, value, note = "") =>
  make(
    "div",
    { className: "big-figure" },
    make("dt", { textContent: name }),
    make("dd", {}, make("strong", { textContent: value }), note && make("small", {}, note)),
  );

export const bigFigures = (...figures) => make("dl", { className: "big-figures panel" }, ...figures.filter(Boolean));

/** A table with named columns `[key, text, {number, hint}]` and rows of cells; the first cell is the row's heading. */
export function table(caption, columns, rows) {
  const head = columns.map(([, text, { number = false, hint } = {}]) =>
    make(
      "th",
      { scope: "col", className: number ? "number" : "", title: hint },
      text === "" ? make("span", { className: "sr-only", textContent: "Actions" }) : text,
    ),
  );
  const body = rows.map(({ cells, className = "" }) =>
    make(
      "tr",
      { className },
      ...cells.map((cell, index) =>
        make(
          index === 0 ? "th" : "td",
          { scope: index === 0 ? "row" : undefined, className: columns[index][2]?.number ? "number" : "" },
          cell,
        ),
      ),
    ),
  );
  return make(
    "div",
    { className: "scroll-x", tabIndex: 0, role: "region", ariaLabel: caption },
    make(
      "table",
      {},
      make("caption", { className: "sr-only", textContent: caption }),
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...body),
    ),
  );
}

/** Head of a screen: title, sentence and what can be done. */
export const pageHead = (title, text, ...acts) =>
  make(
    "div",
    { className: "page-head" },
    make("h1", { textContent: title }),
    text && make("p", { textContent: text }),
    make("div", { className: "acts" }, ...acts),
  );

export const panel = (title, text, ...content) =>
  make(
    "section",
    { className: "panel" },
    make(
      "div",
      { className: "panel-head" },
      make("h2", { textContent: title }),
      text && make("p", { textContent: text }),
    ),
    ...content,
  );
