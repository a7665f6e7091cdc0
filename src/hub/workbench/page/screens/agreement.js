import { get, imageUrl } from "../api.js";
import { make } from "../dom.js";
import { bigFigure, bigFigures, pageHead, panel, table } from "../figures.js";
import { countText, dayTimeText, intervalText, percentText } from "../format.js";
import { addressOf } from "../router.js";
import { empty, fill } from "../states.js";
import { words } from "../texts-analysis.js";

const { agreement: text } = words;

const strengthOf = (kappa) => text.strength.find(([least]) => kappa >= least)?.[1] ?? "";

function matrixTable(cells, classes) {
  const used = [...new Set([...classes, ...cells.flatMap(({ first, second }) => [first, second])])];
  const count = (first, second) => cells.find((each) => each.first === first && each.second === second)?.cases ?? 0;
  const most = Math.max(1, ...cells.map(({ cases }) => cases));
  const columns = [
    ["first", `${text.first} ↓ ${text.second} →`],
    ...used.map((name) => [name, name, { number: true }]),
  ];
  const rows = used.map((first) => ({
    cells: [
      first,
      ...used.map((second) => {
        const cases = count(first, second);
        const className = cases === 0 ? "heat-cell none" : first === second ? "heat-cell same" : "heat-cell other";
        return make("span", {
          className,
          textContent: cases === 0 ? "·" : countText(cases),
          style: { "--share": String(cases / most) },
        });
      }),
    ],
  }));
  return table(text.matrix, columns, rows);
}

function disagreementTable(disagreements) {
  const columns = [
    ["case", text.case_],
    ["first", text.first],
    ["second", text.second],
    ["at", "When"],
  ];
  return table(
    text.disagreements,
    columns,
    disagreements.map(({ caseId, part, first, second }) => ({
      cells: [
        make(
          "a",
          { className: "case-link", href: addressOf("case", caseId) },
          make("img", { src: imageUrl(caseId, true), alt: "", loading: "lazy" }),
          part,
        ),
        [first.label, " ", make("small", { textContent: first.by })],
        [second.label, " ", make("small", { textContent: second.by })],
        dayTimeText(second.at),
      ],
    })),
  );
}

async function build(workbench) {
  const { agreement, matrix, disagreements } = await get("agreement", { project: workbench.project.id });
  const begin =
    workbench.may("labeller") && make("a", { className: "button", href: addressOf("second"), textContent: text.begin });
  const head = pageHead(text.title, text.text, begin);
  if (agreement.pairs === 0)
    return make("div", { className: "page" }, head, empty({ title: text.emptyTitle, text: text.emptyText }));
  const { kappa, interval } = agreement;
  return make(
    "div",
    { className: "page" },
    head,
    bigFigures(
      kappa === null
        ? bigFigure(text.kappa, text.kappaNone)
        : bigFigure(
            text.kappa,
            kappa.toFixed(2),
            `${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}, ${strengthOf(kappa)}`,
          ),
      bigFigure(text.agreed, percentText(agreement.agreed.share), intervalText(agreement.agreed.interval)),
      bigFigure(text.humanError, percentText(agreement.humanError.share), intervalText(agreement.humanError.interval)),
      bigFigure(text.pairs, countText(agreement.pairs)),
    ),
    make(
      "div",
      { className: "side-by-side" },
      panel(
        text.matrix,
        "",
        matrixTable(
          matrix,
          workbench.project.classes.map(({ name }) => name),
        ),
      ),
      panel(
        text.disagreements,
        `${disagreements.length}`,
        disagreements.length === 0
          ? make("p", { className: "padded hint", textContent: text.none })
          : disagreementTable(disagreements),
      ),
    ),
  );
}

export function showAgreement(main, workbench) {
  void fill(main, () => build(workbench));
}
