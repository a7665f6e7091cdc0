import { get } from "../api.js";
import { queryOfFilter } from "../case-filter.js";
import { button, icon, make, select } from "../dom.js";
import { bigFigure, bigFigures, pageHead, panel, shareBar, table } from "../figures.js";
import { countText, intervalText, moneyText, numbered, percentText, pointsText } from "../format.js";
import { askWorkOrder } from "../order-dialog.js";
import { addressOf, go, replaceAddress } from "../router.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { trendOf } from "../trend.js";
import { words } from "../texts-analysis.js";

const { errors: text } = words;

/** The table, its ticked rows and their joint ceiling. */
class ErrorScreen {
  #workbench;
  #main;
  #model;
  #ticked = new Set();
  #data = null;
  #joint = make("section", { className: "panel joint", ariaLabel: text.joint, ariaLive: "polite" });

  constructor(main, workbench, { query }) {
    this.#main = main;
    this.#workbench = workbench;
    this.#model = query.model;
    this.#show();
  }

  #show() {
    void fill(this.#main, () => this.#build());
  }

  async #build() {
    this.#data = await get("error-table", { project: this.#workbench.project.id, model: this.#model });
    const { table: found, versions } = this.#data;
    if (found.modelVersion === null) {
      const action = make("a", { className: "button primary", href: addressOf("label"), textContent: text.begin });
      return make(
        "div",
        { className: "page" },
        pageHead(text.title, ""),
        empty({ title: text.emptyTitle, text: text.emptyText, action }),
      );
    }
    const choice = select(
      "model",
      versions.toReversed().map(({ version }) => [version, version]),
      found.modelVersion,
      { ariaLabel: text.model, onchange: (event) => this.#use(event.target.value) },
    );
    const sample = make(
      "a",
      { className: "button", href: addressOf("review", "", { of: "sample" }) },
      icon("glyph-dice"),
      text.sample,
    );
    this.#drawJoint();
    return make(
      "div",
      { className: "page" },
      pageHead(
        text.title,
        text.of(countText(found.errors), countText(found.cases)),
        make("label", { className: "joined-label" }, text.model, choice),
        sample,
      ),
      this.#summary(found),
      make(
        "section",
        { className: "panel" },
        found.tags.length === 0 ? empty({ title: text.columns.tag, text: text.noTags }) : this.#table(found),
      ),
      make("div", { className: "side-by-side" }, this.#joint, this.#steps(found)),
    );
  }

  #use(model) {
    this.#model = model;
    this.#ticked.clear();
    replaceAddress("errors", "", { model });
    this.#show();
  }

  #summary(found) {
    const { currency } = this.#workbench.project;
    const { escapes, overkills, wrongClasses, amount } = found.cost;
    const change =
      found.trend === null
        ? ""
        : ` · ${text.verdicts[found.trend.verdict]} ${pointsText(found.trend.change.difference)}`;
    return bigFigures(
      bigFigure(text.rate, percentText(found.errorRate.share), intervalText(found.errorRate.interval) + change),
      bigFigure(text.accuracy, percentText(found.accuracy)),
      bigFigure(
        text.cost,
        moneyText(amount, currency),
        `${numbered(escapes, "escape")}, ${countText(overkills)} overkill, ${countText(wrongClasses)} wrong class`,
      ),
      bigFigure(
        text.untagged,
        percentText(found.untaggedErrors.share, 0),
        numbered(found.untaggedErrors.hits, "error"),
      ),
      bigFigure(
        text.asideName,
        countText(found.undecided + found.faults),
        text.aside(countText(found.undecided), countText(found.faults)),
      ),
    );
  }

  #table(found) {
    const { columns: name, hints } = text;
    const columns = [
      ["tag", name.tag],
      ["errors", name.errors, { number: true }],
      ["share", name.share, { hint: hints.share }],
      ["data", name.data],
      ["rate", name.rate],
      ["ceiling", name.ceiling, { number: true, hint: hints.ceiling }],
      ["cost", name.cost, { number: true, hint: hints.cost }],
      ["trend", name.trend, { hint: hints.trend }],
      ["act", ""],
    ];
    const scale = {
      share: Math.max(0.05, ...found.tags.map(({ shareOfErrors }) => shareOfErrors.interval.high)),
      data: Math.max(0.05, ...found.tags.map(({ shareOfData }) => shareOfData.interval.high)),
    };
    return table(
      text.title,
      columns,
      found.tags.map((row) => this.#row(row, scale)),
    );
  }

  #row(row, scale) {
    const { currency } = this.#workbench.project;
    const tag = this.#data.tags.find(({ name }) => name === row.tag);
    const tick = make("input", {
      type: "checkbox",
      checked: this.#ticked.has(row.tag),
      ariaLabel: text.select(row.tag),
      onchange: (event) => {
        if (event.target.checked) this.#ticked.add(row.tag);
        else this.#ticked.delete(row.tag);
        event.target.closest("tr").classList.toggle("selected", event.target.checked);
        this.#drawJoint();
      },
    });
    const { escapes, overkills, amount } = row.cost;
    return {
      className: this.#ticked.has(row.tag) ? "selected" : "",
      cells: [
        make(
          "span",
          { className: "tag-cell" },
          tick,
          make("i", { className: "swatch", style: { "--tag": tag?.colour ?? "" } }),
          make("button", {
            type: "button",
            className: "link tag-name",
            textContent: row.tag,
            title: tag?.description ?? "",
            ariaLabel: text.open(row.tag),
            disabled: !this.#workbench.may("engineer"),
            onclick: () => this.#order(row, tag),
          }),
        ),
        make("a", {
          href: addressOf("cases", "", {
            filter: queryOfFilter({
              errorsOnly: true,
              tags: tag === undefined ? [] : [tag.id],
              models: [this.#data.table.modelVersion],
            }),
          }),
          textContent: countText(row.errors),
          ariaLabel: `${countText(row.errors)}: ${text.showCases(row.tag)}`,
        }),
        shareBar(row.shareOfErrors, { scale: scale.share, kind: "strong" }),
        shareBar(row.shareOfData, { scale: scale.data }),
        row.errorRate === null ? make("small", { textContent: text.onlyErrors }) : shareBar(row.errorRate),
        [
          make("span", { textContent: percentText(row.ceiling.accuracy) }),
          make("small", { className: "below", textContent: pointsText(row.ceiling.gain) }),
        ],
        [
          make("span", { textContent: moneyText(amount, currency) }),
          make("small", {
            className: "below",
            textContent: `${numbered(escapes, "escape")}, ${countText(overkills)} overkill`,
          }),
        ],
        trendOf(row.trend),
        this.#workbench.may("engineer")
          ? button({
              glyph: "glyph-orders",
              kind: "quiet",
              label: text.open(row.tag),
              onclick: () => this.#order(row, tag),
            })
          : "",
      ],
    };
  }

  #order(row, tag) {
    void attempt(async () => {
      if (await askWorkOrder(this.#workbench, { tag: tag ?? null, gain: row.ceiling.gain })) go("orders");
    });
  }

  #drawJoint() {
    const found = this.#data.table;
    const head = make("div", { className: "panel-head" }, make("h2", { textContent: text.joint }));
    if (this.#ticked.size === 0) {
      this.#joint.replaceChildren(head, make("p", { className: "padded hint", textContent: text.jointHow }));
      return;
    }
    const names = [...this.#ticked];
    const ticket = (this.#joint.ticket = {});
    void attempt(async () => {
      const { ceiling } = await get("error-table/ceiling", {
        project: this.#workbench.project.id,
        model: found.modelVersion,
        tags: names.join("\n"),
      });
      if (this.#joint.ticket !== ticket) return;
      const sum = found.tags
        .filter(({ tag }) => this.#ticked.has(tag))
        .reduce((total, row) => total + row.ceiling.gain, 0);
      this.#joint.replaceChildren(
        head,
        make(
          "div",
          { className: "padded" },
          make("p", { className: "joint-names", textContent: names.join(" + ") }),
          make(
            "dl",
            { className: "big-figures bare" },
            bigFigure(text.accuracyThen, percentText(ceiling.accuracy), `now ${percentText(found.accuracy)}`),
            bigFigure(
              text.gained,
              pointsText(ceiling.gain),
              text.solved(countText(ceiling.errorsSolved), countText(found.errors)),
            ),
          ),
          names.length > 1 && make("p", { className: "hint", textContent: text.sum(pointsText(sum)) }),
        ),
      );
    });
  }

  #steps(found) {
    const most = Math.max(0.0001, found.errors);
    const items = found.jointCeiling.map(({ tag, errorsAdded, ceiling }) =>
      make(
        "li",
        {},
        make("span", { textContent: tag }),
        make(
          "span",
          { className: "track" },
          make("i", { className: "defect", style: { width: `${(100 * errorsAdded) / most}%` } }),
        ),
        make("small", { textContent: `+${numbered(errorsAdded, "error")}` }),
        make("strong", { textContent: percentText(ceiling.accuracy) }),
      ),
    );
    return panel(text.steps, text.stepsHow, make("ol", { className: "ceiling-steps padded" }, ...items));
  }
}

export function showErrors(main, workbench, address) {
  new ErrorScreen(main, workbench, address);
}
