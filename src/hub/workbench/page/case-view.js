import { casePath, get, imageUrl, post, put, remove } from "./api.js";
import { callLine, factList, historyList, scoreBars, similarStrip, tagLine } from "./case-panels.js";
import { button, make, setText } from "./dom.js";
import { percentText } from "./format.js";
import { ImageView } from "./image-view.js";
import { useKeys } from "./keys.js";
import { fill } from "./states.js";
import { askTags } from "./tag-dialog.js";
import { announce, attempt } from "./toast.js";
import { texts } from "./texts.js";

const SIMILAR = 12;
const FETCH_AHEAD = 3;
const BLIND = { blind: true };
const OVERLAY_KEY = "sightline-overlay";

/**
 * One case after another, large, with everything one needs to judge and to label it. `blind` hides whatever the model or
 * an earlier person said. `navigator` gives the order; `onEnd(done)` is called past its end.
 */
export class CaseView {
  element;
  #workbench;
  #navigator;
  #blind;
  #auto;
  #onEnd;
  #onShown;
  #query;
  #case = null;
  #tags = [];
  #boxes = [];
  #drawClass = null;
  #done = 0;
  #lastLabelled = null;
  #busy = Promise.resolve();
  #overlay = (localStorage.getItem(OVERLAY_KEY) ?? "on") === "on";
  #image = new ImageView();
  #side = make("div", { className: "case-side" });
  #strip = make("div", { className: "similar" });
  #tools = make("div", { className: "case-tools" });
  #progress = make("p", { className: "progress-text", role: "status" });
  #bar = make("progress", { className: "progress", ariaLabel: "Progress", max: 1, value: 0 });
  #stopKeys;

  constructor({
    workbench,
    navigator,
    blind = false,
    auto,
    title,
    text,
    acts = [],
    onEnd,
    onShown = () => undefined,
    query = {},
  }) {
    this.#workbench = workbench;
    this.#navigator = navigator;
    this.#blind = blind;
    this.#auto = auto;
    this.#onEnd = onEnd;
    this.#onShown = onShown;
    this.#query = query;
    this.element = make(
      "div",
      { className: blind ? "case blind" : "case" },
      make(
        "div",
        { className: "page-head case-head" },
        make("h1", { textContent: title }),
        text && make("p", { textContent: text, title: text }),
        make("div", { className: "acts" }, this.#progress, this.#bar, ...acts, ...this.#arrows()),
      ),
      make("div", { className: "case-image" }, this.#image.element, this.#tools),
      this.#side,
      blind ? null : this.#strip,
    );
    this.#stopKeys = useKeys(this.#keys());
  }

  stop() {
    this.#stopKeys();
    this.#image.stop();
  }

  #arrows() {
    return [
      button({ glyph: "glyph-previous", label: `${texts.case_.previous} (←)`, onclick: () => this.#step(-1) }),
      button({ text: texts.case_.next, glyph: "glyph-next", onclick: () => this.#step(1) }),
    ];
  }

  #keys() {
    const keys = {
      u: () => this.#undo(),
      Enter: () => this.#step(1),
      ArrowRight: (event) => (event.shiftKey ? this.#image.pan(1, 0) : this.#step(1)),
      ArrowLeft: (event) => (event.shiftKey ? this.#image.pan(-1, 0) : this.#step(-1)),
      ArrowUp: (event) => (event.shiftKey ? this.#image.pan(0, -1) : false),
      ArrowDown: (event) => (event.shiftKey ? this.#image.pan(0, 1) : false),
      t: () => this.#tag(),
      b: () => this.#toggleOverlay(),
      d: () => this.#toggleDraw(),
      k: () => this.#case?.label && !this.#blind && this.#label(this.#case.label),
      "+": () => this.#image.zoom(1),
      "=": () => this.#image.zoom(1),
      "-": () => this.#image.zoom(-1),
      0: () => this.#image.fit(),
      Escape: () => this.#drawClass !== null && this.#toggleDraw(),
    };
    this.#workbench.project.classes
      .slice(0, 9)
      .forEach(({ name }, index) => (keys[index + 1] = () => this.#label(name)));
    return keys;
  }

  /** One act after the other, however fast the keys come: a label goes to the case that was on the screen. */
  #queue(act) {
    this.#busy = this.#busy.then(() => attempt(act));
    return this.#busy;
  }

  async open(id) {
    await fill(this.#side, async () => {
      const [each, tags] = await Promise.all([this.#read(id), this.#workbench.tags()]);
      this.#case = each;
      this.#tags = tags;
      this.#boxes = [];
      this.#navigator.at?.(each);
      this.#onShown(each);
      this.#showImage();
      this.#showProgress();
      if (!this.#blind) void this.#showSimilar(id);
      for (const next of this.#navigator.peek(FETCH_AHEAD)) new Image().src = imageUrl(next);
      return this.#panels();
    });
    this.element.dataset.id = id;
  }

  /** Blind, the hub itself leaves out what is not to be seen. */
  async #read(id) {
    const { case: each } = await get(casePath(id), this.#blind ? BLIND : {});
    return each;
  }

  #showImage() {
    const each = this.#case;
    const crop = each.crop ?? { x: 0, y: 0 };
    const regions = this.#blind
      ? []
      : each.report.regions.map((region) => ({ ...region, x: region.x - crop.x, y: region.y - crop.y }));
    const heatmap = this.#blind ? null : (each.heatmap ?? null);
    this.#image.show({ url: imageUrl(each.id), alt: texts.case_.imageAlt(each.part), regions, heatmap });
    this.#image.overlay("boxes", this.#overlay);
    this.#image.overlay("heat", this.#overlay);
    this.#drawTools(regions.length > 0, heatmap !== null);
  }

  #drawTools(hasBoxes, hasHeat) {
    const { case_ } = texts;
    const overlay =
      (hasBoxes || hasHeat) &&
      button({
        text: hasHeat ? case_.heat : case_.boxes,
        glyph: hasHeat ? "glyph-heat" : "glyph-box",
        key: "B",
        onclick: () => this.#toggleOverlay(),
      });
    overlay?.setAttribute?.("aria-pressed", String(this.#overlay));
    const draw =
      this.#mayLabel() &&
      button({ text: case_.draw, glyph: "glyph-plus", key: "D", onclick: () => this.#toggleDraw() });
    if (draw) draw.setAttribute("aria-pressed", String(this.#drawClass !== null));
    this.#tools.replaceChildren(
      ...[
        button({ glyph: "glyph-minus", label: `${case_.zoomOut} (−)`, onclick: () => this.#image.zoom(-1) }),
        button({ glyph: "glyph-plus", label: `${case_.zoomIn} (+)`, onclick: () => this.#image.zoom(1) }),
        button({ glyph: "glyph-fit", label: `${case_.fit} (0)`, onclick: () => this.#image.fit() }),
        overlay,
        draw,
        ...this.#drawChoice(),
      ].filter(Boolean),
    );
  }

  #drawChoice() {
    const { case_ } = texts;
    const parts = [];
    if (this.#drawClass !== null) {
      const names = this.#workbench.project.classes.filter(({ kind }) => kind === "defect").map(({ name }) => name);
      const choice = make(
        "select",
        { ariaLabel: case_.drawClass, onchange: () => (this.#drawClass = choice.value) },
        ...names.map((name) => make("option", { value: name, textContent: name, selected: name === this.#drawClass })),
      );
      parts.push(choice);
    }
    if (this.#boxes.length > 0) {
      parts.push(make("span", { className: "hint", textContent: case_.boxCount(this.#boxes.length) }));
      parts.push(button({ glyph: "glyph-close", label: case_.boxesClear, onclick: () => this.#setBoxes([]) }));
    }
    return parts;
  }

  #refreshTools() {
    const { report, heatmap = null } = this.#case;
    this.#drawTools(!this.#blind && report.regions.length > 0, !this.#blind && heatmap !== null);
  }

  #toggleOverlay() {
    this.#overlay = !this.#overlay;
    localStorage.setItem(OVERLAY_KEY, this.#overlay ? "on" : "off");
    this.#image.overlay("boxes", this.#overlay);
    this.#image.overlay("heat", this.#overlay);
    if (this.#case !== null) this.#refreshTools();
  }

  #toggleDraw() {
    if (!this.#mayLabel() || this.#case === null) return;
    const defects = this.#workbench.project.classes.filter(({ kind }) => kind === "defect");
    this.#drawClass = this.#drawClass === null ? (this.#case.label ?? this.#case.class ?? null) : null;
    const ending = this.#image.element.classList.contains("drawing");
    if (!ending && !defects.some(({ name }) => name === this.#drawClass)) this.#drawClass = defects[0]?.name ?? null;
    if (ending) this.#drawClass = null;
    const ondrawn = (box) => this.#setBoxes([...this.#boxes, { ...box, class: this.#drawClass }]);
    this.#image.drawMode(this.#drawClass === null ? null : ondrawn);
    if (this.#drawClass !== null) announce(texts.case_.drawing(this.#drawClass));
    this.#refreshTools();
  }

  #setBoxes(boxes) {
    this.#boxes = boxes;
    this.#image.drawn(boxes);
    this.#refreshTools();
  }

  #mayLabel() {
    return this.#workbench.may("labeller");
  }

  #panels() {
    const each = this.#case;
    const { case_ } = texts;
    const section = (name, ...content) => make("section", {}, make("h3", { textContent: name }), ...content);
    const head = make(
      "div",
      { className: "case-part" },
      make("h2", { textContent: each.part }),
      this.#blind ? null : callLine(each),
    );
    if (this.#blind) return [head, section(case_.label, this.#labelButtons())];
    return [
      head,
      this.#suspicion(),
      section(case_.label, this.#labelButtons()),
      section(case_.tags, this.#tagLine()),
      section(case_.scores, scoreBars(each.report.scores, this.#workbench.project.classes)),
      section(case_.facts, factList(each)),
      section(case_.history, historyList(each, this.#tags)),
    ];
  }

  #suspicion() {
    const { label, labelSuspicion } = this.#case;
    if (label === null || labelSuspicion === null) return null;
    return make(
      "div",
      { className: "notice" },
      make("p", { textContent: texts.case_.suspicionText(label, percentText(labelSuspicion, 0)) }),
      this.#mayLabel() && button({ text: texts.queue.agree, key: "K", onclick: () => this.#label(label) }),
    );
  }

  #labelButtons() {
    const given = this.#blind ? null : this.#case.label;
    const buttons = this.#workbench.project.classes.map(({ name, kind }, index) => {
      const choice = button({
        text: name,
        key: index < 9 ? String(index + 1) : undefined,
        kind: `class-choice ${kind}`,
        disabled: !this.#mayLabel(),
        onclick: () => this.#label(name),
      });
      choice.setAttribute("aria-pressed", String(name === given));
      return choice;
    });
    const undo = button({
      text: texts.case_.undo,
      glyph: "glyph-undo",
      key: "U",
      kind: "quiet",
      onclick: () => this.#undo(),
    });
    return make(
      "div",
      { className: "class-choices" },
      ...buttons,
      this.#mayLabel() ? undo : make("small", { textContent: texts.mayNot(texts.roles.labeller) }),
    );
  }

  #tagLine() {
    if (!this.#mayLabel()) return tagLine(this.#case, this.#tags);
    const add = button({
      text: texts.tags.add,
      glyph: "glyph-plus",
      key: "T",
      kind: "quiet",
      onclick: () => this.#tag(),
    });
    const onremove = (id) =>
      this.#queue(async () => {
        await put("cases/tags", { caseIds: [this.#case.id], add: [], remove: [id] });
        await this.#reload();
      });
    return tagLine(this.#case, this.#tags, onremove, add);
  }

  async #showSimilar(id) {
    const title = make("h2", { textContent: texts.case_.similar });
    const list = make("div", {});
    this.#strip.replaceChildren(title, list);
    await fill(list, async () => {
      const { cases } = await get(casePath(id, "/similar"), { n: SIMILAR });
      return cases.length === 0
        ? make("p", { className: "hint", textContent: texts.case_.noSimilar })
        : similarStrip(cases, this.#query);
    });
  }

  #showProgress() {
    const { progress } = this.#navigator;
    this.#bar.hidden = progress === null || progress.total === null;
    if (progress === null) return;
    const { done, total } = progress;
    setText(this.#progress, total === null ? texts.queue.progressOpen(done) : texts.queue.progress(done, total));
    if (total !== null) this.#bar.value = total === 0 ? 1 : done / total;
  }

  async #reload() {
    const [each, tags] = await Promise.all([this.#read(this.#case.id), this.#workbench.tags()]);
    this.#case = each;
    this.#tags = tags;
    const focused = [...this.#side.querySelectorAll("button")].indexOf(document.activeElement);
    this.#side.replaceChildren(...this.#panels().filter(Boolean));
    if (focused >= 0) this.#side.querySelectorAll("button")[focused]?.focus();
  }

  #label(label) {
    if (!this.#mayLabel()) return undefined;
    return this.#queue(async () => {
      if (this.#case === null) return;
      const { id } = this.#case;
      await post(casePath(id, "/labels"), { label, blind: this.#blind, boxes: this.#boxes });
      this.#lastLabelled = id;
      this.#done++;
      announce(texts.case_.saved(label));
      if (this.#auto()) await this.#goTo(1);
      else await this.#reload();
    });
  }

  /** Takes back the label of this case; when it has none of ours, that of the case labelled just before. */
  #undo() {
    if (!this.#mayLabel()) return undefined;
    return this.#queue(async () => {
      const id = this.#auto() ? this.#lastLabelled : this.#case?.id;
      if (id === null || id === undefined) {
        announce(texts.case_.nothingToUndo);
        return;
      }
      await remove(casePath(id, "/labels/latest"), this.#blind ? BLIND : {});
      this.#done = Math.max(0, this.#done - 1);
      this.#lastLabelled = null;
      announce(texts.case_.undoneToast);
      if (id === this.#case?.id) await this.#reload();
      else await this.#goTo(-1);
    });
  }

  #tag() {
    if (!this.#mayLabel() || this.#blind || this.#case === null) return undefined;
    return this.#queue(async () => {
      if ((await askTags(this.#workbench, [this.#case])) !== null) await this.#reload();
    });
  }

  #step(by) {
    return this.#queue(() => this.#goTo(by));
  }

  async #goTo(by) {
    const id = await this.#navigator.step(by);
    if (id === null) this.#onEnd(this.#done, by);
    else if (id !== this.#case?.id) await this.open(id);
  }
}
