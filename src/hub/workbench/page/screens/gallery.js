import { get } from "../api.js";
import { filterOfQuery, isEmptyFilter, queryOfFilter, without } from "../case-filter.js";
import { CasePages } from "../case-pages.js";
import { CaseTiles } from "../case-tile.js";
import { button, make, select, setText } from "../dom.js";
import { facetsOf } from "../facets.js";
import { conditionsOf, filterPanel } from "../filter-panel.js";
import { countText } from "../format.js";
import { useKeys } from "../keys.js";
import { addressOf, go, replaceAddress } from "../router.js";
import { askToDelete, askToSave, savedFilterMenu } from "../saved-filters.js";
import { Selection } from "../selection.js";
import { empty, failed, fill } from "../states.js";
import { askTags, withTags } from "../tag-dialog.js";
import { announce, attempt, toast } from "../toast.js";
import { texts } from "../texts.js";
import { VirtualGrid } from "../virtual-grid.js";

const COUNT_AT_MOST = 10_000;
const SIZES = { small: 116, medium: 150, large: 240 };
const SIZE_KEY = "sightline-tile-size";
const PANEL_KEY = "sightline-filter-panel";

/** The list's total and both its ends: what jumping into its middle needs. */
async function surveyOf(filter, order, fetchPage) {
  const newestFirst = order !== "oldest";
  if (order === "suspicion") {
    const { count } = await get("cases/count", { filter, atMost: COUNT_AT_MOST });
    return { total: count, exact: true, span: null };
  }
  const [{ count, exact }, front, back] = await Promise.all([
    get("cases/count", { filter, atMost: COUNT_AT_MOST }),
    fetchPage({ limit: 100, newestFirst }),
    fetchPage({ limit: 1, newestFirst: !newestFirst }),
  ]);
  if (count === 0 || front.cases.length === 0) return { total: 0, exact: true, span: null };
  const [first, last] = [front.cases[0].row, back.cases[0]?.row ?? front.cases[0].row];
  if (exact) return { total: count, exact, span: { first, last } };
  const seen = Math.abs(first - front.cases.at(-1).row) + 1;
  const guess = Math.round(((Math.abs(first - last) + 1) * front.cases.length) / seen);
  return { total: Math.max(count, guess), exact: false, span: { first, last } };
}

class Gallery {
  #workbench;
  #filter;
  #order;
  #grid = null;
  #pages = null;
  #tiles;
  #selection = new Selection();
  #sources = null;
  #panel = make("aside", { className: "filter-panel", ariaLabel: texts.filter.add });
  #conditions = make("div", { className: "chips conditions" });
  #count = make("p", { className: "count", role: "status" });
  #list = make("div", {
    className: "grid",
    role: "listbox",
    tabIndex: 0,
    ariaLabel: texts.gallery.listLabel,
    ariaMultiSelectable: "true",
  });
  #area = make("div", { className: "grid-area" });
  #bar = make("div", { className: "selection-bar", hidden: true, role: "region", ariaLabel: "Selection" });
  #save = null;
  #stopKeys;
  #stopped = false;

  constructor(main, workbench, { query }) {
    this.#workbench = workbench;
    this.#filter = filterOfQuery(query.filter);
    this.#order = query.order ?? "newest";
    this.#tiles = new CaseTiles({
      selected: (id) => this.#selection.has(id),
      active: (index) => index === this.#grid?.active,
      onShape: (shape) => this.#grid?.setShape(shape),
    });
    this.#list.addEventListener("click", (event) => this.#clicked(event));
    this.#list.addEventListener("keydown", (event) => this.#pressed(event));
    this.#stopKeys = useKeys({
      t: () => void this.#tag(),
      Escape: () => this.#clearSelection(),
      l: () => this.#labelThese(),
      f: () => this.#togglePanel(),
    });
    void fill(main, () => this.#build());
  }

  stop() {
    this.#stopped = true;
    this.#stopKeys();
    this.#grid?.stop();
  }

  #fetchPage = ({ limit, beforeRow, newestFirst }) =>
    get("cases", {
      filter: this.#fullFilter(),
      limit,
      beforeRow,
      order: this.#order === "suspicion" ? "suspicion" : newestFirst ? "newest" : "oldest",
    });

  #fullFilter() {
    return { project: this.#workbench.project.id, ...JSON.parse(queryOfFilter(this.#filter) ?? "{}") };
  }

  async #build() {
    const { project } = this.#workbench;
    const [tags, facets] = await Promise.all([this.#workbench.tags(), facetsOf(project.id)]);
    this.#sources = { project, tags, facets };
    this.#tiles.tags = tags;
    this.#panel.hidden = (localStorage.getItem(PANEL_KEY) ?? "open") !== "open";
    void this.#refresh();
    return make(
      "div",
      { className: "gallery" },
      this.#head(),
      make("div", { className: "gallery-body" }, this.#panel, this.#area),
      this.#bar,
    );
  }

  #head() {
    const { project } = this.#workbench;
    let shown = "";
    const forget = button({ text: texts.filter.delete_, kind: "quiet", onclick: () => void drop() });
    forget.hidden = true;
    const { menu, refresh } = savedFilterMenu(
      project.id,
      (filter) => this.#use(filter),
      (name) => {
        shown = name;
        forget.hidden = name === "" || !this.#workbench.may("labeller");
      },
    );
    const drop = async () => {
      if (await askToDelete(project.id, shown)) await refresh();
    };
    const save = async () => {
      if (await askToSave(project.id, this.#filter)) await refresh();
    };
    const size = localStorage.getItem(SIZE_KEY) ?? "medium";
    if (this.#workbench.may("labeller")) {
      this.#save = button({ text: texts.filter.save, glyph: "glyph-save", kind: "quiet", onclick: () => void save() });
      this.#save.hidden = isEmptyFilter(this.#filter);
    }
    return make(
      "div",
      { className: "gallery-head" },
      make(
        "div",
        { className: "page-head" },
        make("h1", { textContent: texts.screens.cases }),
        this.#count,
        make(
          "div",
          { className: "acts" },
          select(
            "order",
            ["newest", "oldest", "suspicion"].map((name) => [name, texts.gallery[name]]),
            this.#order,
            {
              ariaLabel: texts.gallery.order,
              onchange: (event) => this.#reorder(event.target.value),
            },
          ),
          select("size", Object.entries(texts.gallery.sizes), size, {
            ariaLabel: texts.gallery.size,
            onchange: (event) => this.#resize(event.target.value),
          }),
          button({ text: texts.gallery.sampleErrors, glyph: "glyph-dice", onclick: () => this.#sample() }),
          this.#workbench.may("labeller") &&
            button({
              text: texts.gallery.label,
              glyph: "glyph-label",
              kind: "primary",
              key: "L",
              onclick: () => this.#labelThese(),
            }),
        ),
      ),
      make(
        "div",
        { className: "filter-line" },
        button({ text: texts.filter.add, glyph: "glyph-filter", key: "F", onclick: () => this.#togglePanel() }),
        menu,
        forget,
        this.#conditions,
        this.#save,
      ),
    );
  }

  #togglePanel() {
    this.#panel.hidden = !this.#panel.hidden;
    localStorage.setItem(PANEL_KEY, this.#panel.hidden ? "closed" : "open");
  }

  #resize(size) {
    localStorage.setItem(SIZE_KEY, size);
    this.#grid?.setLeast(SIZES[size]);
  }

  #reorder(order) {
    this.#order = order;
    void this.#refresh();
  }

  #use(filter) {
    this.#filter = filter;
    void this.#refresh();
  }

  #drawFilter() {
    const change = (update) => this.#use(update(this.#filter));
    const opened = [...this.#panel.querySelectorAll("details")].map((each) => each.open);
    const scrolled = this.#panel.scrollTop;
    const focused = [...this.#panel.querySelectorAll("input, select, button, summary")].indexOf(document.activeElement);
    this.#panel.replaceChildren(...filterPanel(this.#filter, this.#sources, change));
    this.#panel.querySelectorAll("details").forEach((each, index) => (each.open = opened[index] ?? each.open));
    this.#panel.scrollTop = scrolled;
    if (focused >= 0) [...this.#panel.querySelectorAll("input, select, button, summary")][focused]?.focus();
    const chips = conditionsOf(this.#filter, this.#sources).map(([text, name, key]) =>
      make(
        "span",
        { className: "chip" },
        make("span", { textContent: text }),
        button({
          glyph: "glyph-close",
          label: `${texts.remove}: ${text}`,
          onclick: () => this.#use(without(this.#filter, name, key)),
        }),
      ),
    );
    if (chips.length > 1) chips.push(button({ text: texts.filter.clear, kind: "link", onclick: () => this.#use({}) }));
    this.#conditions.replaceChildren(...chips);
    if (this.#save !== null) this.#save.hidden = isEmptyFilter(this.#filter);
  }

  async #refresh() {
    replaceAddress("cases", "", {
      filter: queryOfFilter(this.#filter),
      order: this.#order === "newest" ? undefined : this.#order,
    });
    this.#clearSelection();
    this.#drawFilter();
    await fill(this.#area, async () => {
      const filter = this.#fullFilter();
      const survey = await surveyOf(filter, this.#order, this.#fetchPage);
      if (this.#stopped) return [];
      this.#showCount(survey);
      return survey.total === 0 ? this.#nothing() : this.#open(survey);
    });
    requestAnimationFrame(() => this.#grid?.measure());
  }

  #showCount({ total, exact }) {
    const { count, oneCase } = texts.gallery;
    setText(this.#count, total === 1 ? oneCase : count(countText(total), exact));
  }

  #nothing() {
    const { emptyTitle, emptyText, emptyAllTitle, emptyAllText } = texts.gallery;
    if (isEmptyFilter(this.#filter)) return empty({ title: emptyAllTitle, text: emptyAllText });
    const action = button({ text: texts.filter.all, onclick: () => this.#use({}) });
    return empty({ title: emptyTitle, text: emptyText, action });
  }

  #open({ total, exact, span }) {
    this.#grid?.stop();
    this.#pages = new CasePages({ fetchPage: this.#fetchPage, newestFirst: this.#order !== "oldest", span, total });
    this.#list.scrollTop = 0;
    this.#grid = new VirtualGrid({
      element: this.#list,
      pages: this.#pages,
      tile: this.#tiles,
      onView: (from, to, error) => this.#viewed(from, to, exact, error),
    });
    this.#grid.setLeast(SIZES[localStorage.getItem(SIZE_KEY) ?? "medium"]);
    return this.#list;
  }

  #viewed(_from, _to, exact, error) {
    if (error !== undefined) {
      this.#area.replaceChildren(failed(error, () => void this.#refresh()));
      return;
    }
    this.#list.setAttribute("aria-activedescendant", `case-${this.#grid.active}`);
    if (!exact) this.#showCount({ total: this.#pages.total, exact });
  }

  #clicked(event) {
    const tile = event.target.closest(".tile");
    const each = tile === null ? undefined : this.#pages.at(Number(tile.dataset.index));
    if (each === undefined) return;
    const index = Number(tile.dataset.index);
    this.#list.focus({ preventScroll: true });
    if (event.shiftKey) void this.#selectRange(index);
    else if (event.ctrlKey || event.metaKey || event.target.closest(".tick")) this.#toggle(index);
    else this.#openCase(each);
  }

  #openCase(each) {
    const query = { filter: queryOfFilter(this.#filter), order: this.#order === "newest" ? undefined : this.#order };
    go("case", each.id, query);
  }

  #pressed(event) {
    const { columns, rowsInView, active } = this.#grid;
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns,
      ArrowUp: -columns,
      PageDown: columns * rowsInView,
      PageUp: -columns * rowsInView,
      Home: -active,
      End: this.#pages.total,
    };
    const step = steps[event.key];
    if (step !== undefined && !event.ctrlKey && !event.altKey) {
      const target = Math.max(0, Math.min(active + step, this.#pages.total - 1));
      if (event.shiftKey) void this.#selectRange(target);
      this.#move(target);
    } else if (event.key === " ") this.#toggle(active);
    else if (event.key === "Enter") {
      const each = this.#pages.at(active);
      if (each !== undefined) this.#openCase(each);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.#selectLoaded();
    else return;
    event.preventDefault();
  }

  #move(index) {
    this.#grid.active = index;
    this.#list.classList.add("by-keyboard");
    this.#list.setAttribute("aria-activedescendant", `case-${this.#grid.active}`);
    this.#grid.reveal(this.#grid.active);
  }

  #toggle(index) {
    const each = this.#pages.at(index);
    if (each === undefined) return;
    this.#selection.toggle(each, index);
    this.#grid.active = index;
    this.#drawSelection();
  }

  async #selectRange(index) {
    const whole = await this.#selection.extend(this.#pages, index, this.#grid.active);
    if (!whole) toast(texts.gallery.tooMany(countText(Selection.MOST)), false);
    this.#grid.active = index;
    this.#drawSelection();
  }

  #selectLoaded() {
    for (const [index, each] of this.#pages.loaded()) this.#selection.add(each, index);
    this.#drawSelection();
  }

  #clearSelection() {
    this.#selection.clear();
    this.#drawSelection();
  }

  #drawSelection() {
    const { size } = this.#selection;
    const { selected, tag, labelSelected, clear } = texts.gallery;
    this.#bar.hidden = size === 0;
    if (size > 0) {
      const mayLabel = this.#workbench.may("labeller");
      this.#bar.replaceChildren(
        make("strong", { textContent: selected(countText(size)) }),
        ...(mayLabel
          ? [
              button({ text: tag, glyph: "glyph-tag", key: "T", onclick: () => void this.#tag() }),
              button({ text: labelSelected, glyph: "glyph-label", onclick: () => this.#review() }),
            ]
          : []),
        button({ text: clear, kind: "quiet", key: "Esc", onclick: () => this.#clearSelection() }),
      );
      announce(selected(size));
    }
    this.#grid?.draw();
  }

  #review() {
    this.#workbench.chosen = this.#selection.cases.map(({ id }) => id);
    go("review", "", { of: "selection" });
  }

  async #tag() {
    const active = this.#pages?.at(this.#grid?.active ?? 0);
    const cases = this.#selection.size > 0 ? this.#selection.cases : [active].filter(Boolean);
    if (cases.length === 0 || !this.#workbench.may("labeller")) return;
    await attempt(async () => {
      const change = await askTags(this.#workbench, cases);
      const tags = await this.#workbench.tags();
      this.#sources.tags = tags;
      this.#tiles.tags = tags;
      if (change === null) return;
      for (const each of cases) this.#pages.change(each.id, { tagIds: withTags(each.tagIds, change) });
      this.#drawFilter();
      this.#grid.draw();
    });
    this.#list.focus({ preventScroll: true });
  }

  #sample() {
    go("review", "", { of: "sample", filter: queryOfFilter(this.#filter) });
  }

  #labelThese() {
    if (this.#workbench.may("labeller"))
      location.hash = addressOf("label", "", { filter: queryOfFilter(this.#filter) });
  }
}

export function showGallery(main, workbench, address) {
  const gallery = new Gallery(main, workbench, address);
  return () => gallery.stop();
}
