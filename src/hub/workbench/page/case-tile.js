import { imageUrl } from "./api.js";
import { icon, make, setText } from "./dom.js";
import { percentText } from "./format.js";
import { texts } from "./texts.js";

const ERRORS = ["escape", "overkill", "wrong-class"];
export const isError = (outcome) => ERRORS.includes(outcome);

/** Tiles of the gallery: made once, filled with one case after another as the list scrolls. */
export class CaseTiles {
  #tags = new Map();
  #selected;
  #active;
  #onShape;

  /** `selected(id)` and `active(index)` say how a tile is drawn; `onShape(height by width)` is told of the first picture. */
  constructor({ selected, active, onShape }) {
    this.#onShape = onShape;
    this.#selected = selected;
    this.#active = active;
  }

  set tags(tags) {
    this.#tags = new Map(tags.map((tag) => [tag.id, tag]));
  }

  make() {
    const tile = make(
      "div",
      { className: "tile", role: "option" },
      make("span", { className: "sr-only said" }),
      make(
        "div",
        { className: "thumb" },
        make("img", { alt: "", decoding: "async", draggable: false }),
        make("span", { className: "tick", ariaHidden: "true" }, icon("glyph-check")),
        make("span", { className: "verdict", ariaHidden: "true" }),
      ),
      make(
        "div",
        { className: "line1", ariaHidden: "true" },
        make("span", { className: "found" }),
        make("span", { className: "score" }),
      ),
      make(
        "div",
        { className: "line2", ariaHidden: "true" },
        make("span", { className: "given" }),
        make("span", { className: "dots" }),
      ),
    );
    const image = tile.querySelector("img");
    image.addEventListener("load", () => {
      tile.classList.remove("blank");
      this.#onShape?.(image.naturalHeight / image.naturalWidth);
      this.#onShape = undefined;
    });
    image.addEventListener("error", () => tile.classList.add("gone"));
    return tile;
  }

  show(tile, each, index) {
    tile.id = `case-${index}`;
    tile.dataset.index = String(index);
    tile.setAttribute("aria-posinset", String(index + 1));
    tile.classList.toggle("active", this.#active(index));
    const key = each === undefined ? "" : [each.id, each.label, each.outcome, each.tagIds.join()].join("|");
    const selected = each !== undefined && this.#selected(each.id);
    tile.setAttribute("aria-selected", String(selected));
    if (tile.dataset.key === key) return;
    tile.dataset.key = key;
    tile.classList.toggle("empty", each === undefined);
    if (each === undefined) {
      tile.querySelector("img").removeAttribute("src");
      setText(tile.querySelector(".said"), texts.loading);
      delete tile.dataset.outcome;
      return;
    }
    this.#fill(tile, each);
  }

  #fill(tile, each) {
    const image = tile.querySelector("img");
    const url = imageUrl(each.id, true);
    if (!image.src.endsWith(url)) {
      tile.classList.add("blank");
      tile.classList.remove("gone");
      image.src = url;
    }
    tile.dataset.id = each.id;
    tile.dataset.outcome = isError(each.outcome) ? each.outcome : "";
    const verdict = tile.querySelector(".verdict");
    verdict.className = `verdict kind-${each.verdict}`;
    verdict.replaceChildren(icon(`icon-${each.verdict}`));
    setText(tile.querySelector(".found"), each.class ?? texts.verdicts.fault);
    setText(tile.querySelector(".score"), each.ngScore === null ? "" : percentText(each.ngScore, 0));
    const given = tile.querySelector(".given");
    const outcome = isError(each.outcome) ? texts.outcomes[each.outcome] : "";
    given.classList.toggle("none", each.label === null);
    given.replaceChildren(
      ...(each.label === null
        ? [texts.gallery.notLabelled]
        : outcome !== ""
          ? [each.label]
          : [make("span", { className: "hint", textContent: `${texts.case_.label} ` }), each.label]),
      ...(outcome === "" ? [] : [make("b", { className: `outcome-${each.outcome}`, textContent: outcome })]),
    );
    const dots = each.tagIds.map((id) => this.#tags.get(id)).filter(Boolean);
    tile
      .querySelector(".dots")
      .replaceChildren(
        ...dots
          .slice(0, 5)
          .map((tag) => make("i", { className: "swatch", title: tag.name, style: { "--tag": tag.colour } })),
      );
    const { describe } = texts.gallery;
    const finding = each.class === null ? "" : ` ${each.class}`;
    const tagNames = dots.length === 0 ? "" : `, ${dots.map(({ name }) => name).join(", ")}`;
    setText(
      tile.querySelector(".said"),
      describe(each.part, texts.verdicts[each.verdict], finding, each.label ?? texts.gallery.notLabelled, outcome) +
        tagNames,
    );
  }
}
