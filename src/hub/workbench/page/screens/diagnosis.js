import { get } from "../api.js";
import { button, field, make } from "../dom.js";
import { pageHead, panel, shareBar } from "../figures.js";
import { percentText, pointsRange, pointsText } from "../format.js";
import { choiceCurvePlot } from "../choice-curve.js";
import { learningCurvePlot } from "../learning-curve.js";
import { askWorkOrder } from "../order-dialog.js";
import { go } from "../router.js";
import { fill } from "../states.js";
import { attempt } from "../toast.js";
import { words } from "../texts-analysis.js";

const { diagnosis: text } = words;
const SPLITS = ["train", "validation", "test"];
const FIELDS = SPLITS.flatMap((split) => [`${split}Errors`, `${split}Cases`]);

function stepItem(workbench, step) {
  const { expectedGain, interval, effortDays, assumedShare } = step;
  const order = () =>
    void attempt(async () => {
      if (
        await askWorkOrder(workbench, {
          gain: expectedGain * 2,
          kind: step.kind,
          title: step.title.slice(0, 200),
          detail: step.reason,
        })
      )
        go("orders");
    });
  return make(
    "li",
    { className: "step" },
    make(
      "div",
      { className: "step-text" },
      make("h3", { textContent: step.title }),
      make("p", { textContent: step.reason }),
      make("small", {
        textContent: assumedShare === null ? text.forecast : text.assumed(percentText(assumedShare, 0)),
      }),
    ),
    make(
      "div",
      { className: "step-end" },
      make(
        "dl",
        { className: "step-figures" },
        make(
          "div",
          {},
          make("dt", { textContent: text.gain }),
          make(
            "dd",
            {},
            make("strong", { textContent: pointsText(expectedGain, 2) }),
            make("small", { textContent: pointsRange(interval, 2) }),
          ),
        ),
        make(
          "div",
          {},
          make("dt", { textContent: text.effort }),
          make("dd", {}, make("strong", { textContent: text.days(Number(effortDays.toFixed(1))) })),
        ),
      ),
      workbench.may("engineer") && button({ text: text.order, glyph: "glyph-plus", onclick: order }),
    ),
  );
}

const sentences = (title, list) =>
  list.length === 0
    ? null
    : panel(
        title,
        "",
        make("ul", { className: "sentences padded" }, ...list.map((textContent) => make("li", { textContent }))),
      );

function ratesPanel({ diagnosis, basis }) {
  const { baseline, rates } = diagnosis;
  const scale = Math.max(0.02, ...rates.map(({ errorRate }) => errorRate.interval.high), baseline?.errorRate ?? 0);
  const row = (name, hint, content) =>
    make("div", {}, make("dt", {}, name, hint && make("small", { textContent: hint })), make("dd", {}, content));
  const rows = rates.map(({ split, errorRate }) =>
    row(
      text.splits[split],
      split === "production" ? text.productionHint : "",
      shareBar(errorRate, { scale, kind: "strong" }),
    ),
  );
  if (baseline !== null) {
    const share = {
      share: baseline.errorRate,
      interval: baseline.interval ?? { low: baseline.errorRate, high: baseline.errorRate },
      trials: 1,
    };
    rows.unshift(row(text.baseline, text.baselineFrom[basis.baselineFrom], shareBar(share, { scale })));
  }
  return panel(
    text.rates,
    text.ratesText(basis.modelVersion ?? "–"),
    make("dl", { className: "rates padded" }, ...rows),
  );
}

function gapsPanel({ gaps }) {
  const items = gaps.map(({ name, size, interval, called }) =>
    make(
      "li",
      {},
      make("span", { textContent: text.gapNames[name] }),
      make("strong", { textContent: pointsText(size) }),
      make("small", { textContent: pointsRange(interval) }),
      make("span", {
        className: `state-chip ${called ? "called" : "dropped"}`,
        textContent: called ? text.called : text.notCalled,
      }),
    ),
  );
  return panel(
    text.gaps,
    "",
    items.length === 0
      ? make("p", { className: "padded hint", textContent: text.noGaps })
      : make("ul", { className: "gaps padded" }, ...items),
  );
}

function figuresPanel(query) {
  const input = (name, label) =>
    field(label, make("input", { name, type: "number", min: "0", value: query[name] ?? "" }));
  const form = make(
    "form",
    { className: "report-figures padded", noValidate: true },
    make("p", { className: "hint", textContent: text.figuresHint }),
    ...SPLITS.map((split) =>
      make(
        "fieldset",
        {},
        make("legend", { className: "field-name", textContent: text.splits[split] }),
        make(
          "div",
          { className: "columns-2" },
          input(`${split}Errors`, text.errors),
          input(`${split}Cases`, text.cases),
        ),
      ),
    ),
    make(
      "div",
      { className: "dialog-acts" },
      button({ text: text.clear, kind: "quiet", onclick: () => go("diagnosis") }),
      button({ text: text.apply, type: "submit" }),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    go("diagnosis", "", given);
  });
  return panel(text.figures, "", form);
}

const ASK_AGAIN_MS = 3000;

/** The curve is computed when somebody asks: it takes the hub a minute or two. */
function choicePanel(workbench) {
  const body = make("div", { className: "padded" });
  const show = (study) =>
    body.replaceChildren(
      ...(study.curve === null ? [] : [choiceCurvePlot(study.curve)]),
      make("p", { textContent: study.sentence }),
    );
  const ask = async () => {
    body.replaceChildren(make("p", { className: "hint", role: "status", textContent: text.choiceComputing }));
    for (;;) {
      const study = await get("choice-curve", { project: workbench.project.id });
      if (study.state === "done") return show(study);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      if (!body.isConnected) return undefined;
    }
  };
  body.append(button({ text: text.choiceAsk, onclick: () => void attempt(ask) }));
  return panel(text.choice, text.choiceText, body);
}

async function build(workbench, query) {
  const wanted = Object.fromEntries(FIELDS.map((name) => [name, query[name]]));
  const found = await get("diagnosis", { project: workbench.project.id, ...wanted });
  const { diagnosis, curve, next } = found;
  const steps =
    next.steps.length === 0
      ? make("p", { className: "padded hint", textContent: text.noSteps })
      : make("ol", { className: "steps" }, ...next.steps.map((step) => stepItem(workbench, step)));
  const curveContent =
    curve === null
      ? make("p", { className: "padded hint", textContent: text.curveNone })
      : make(
          "div",
          { className: "padded" },
          learningCurvePlot(curve),
          make("p", { textContent: curve.forecast.sentence }),
        );
  return make(
    "div",
    { className: "page" },
    pageHead(text.title, text.text),
    make(
      "div",
      { className: "two-columns" },
      make(
        "div",
        { className: "stack" },
        panel(text.next, text.nextText, steps),
        sentences(text.leave, next.leave),
        sentences(text.notes, next.notes),
      ),
      make(
        "div",
        { className: "stack" },
        panel(text.curve, text.curveText, curveContent),
        choicePanel(workbench),
        ratesPanel(found),
        gapsPanel(diagnosis),
        figuresPanel(query),
      ),
    ),
  );
}

export function showDiagnosis(main, workbench, { query }) {
  void fill(main, () => build(workbench, query), text.working);
}
