import { get, patch } from "../api.js";
import { openDialog } from "../dialog.js";
import { button, facts, field, make } from "../dom.js";
import { pageHead, panel } from "../figures.js";
import { countText, durationText, moneyText, percentText } from "../format.js";
import { fill } from "../states.js";
import { attempt, toast } from "../toast.js";
import { words } from "../texts-analysis.js";

const { scope: text } = words;
const DAY_S = 86_400;

function classLines(project) {
  return project.classes.map(({ name, kind }) => (kind === "good" ? `${name}, good` : name)).join("\n");
}

function classesOf(lines) {
  return lines
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) =>
      /,\s*good$/.test(line)
        ? { name: line.replace(/,\s*good$/, ""), kind: "good" }
        : { name: line.replace(/,\s*defect$/, ""), kind: "defect" },
    );
}

function editFields(project) {
  const number = (name, label, value, step = "any") =>
    field(label, make("input", { name, type: "number", min: "0", step, value: String(value) }));
  const percent = (name, label, share) =>
    number(name, `${label}, ${text.percent}`, Number((share * 100).toPrecision(8)));
  return [
    field(text.name, make("input", { name: "name", maxLength: 128, value: project.name })),
    field(text.problem, make("textarea", { name: "problem", rows: 3, maxLength: 10_000, value: project.problem })),
    make(
      "div",
      { className: "columns-3" },
      percent("maxEscape", text.maxEscape, project.maxEscape),
      percent("maxOverkill", text.maxOverkill, project.maxOverkill),
      percent("confidence", text.confidence, project.confidence),
    ),
    make(
      "div",
      { className: "columns-3" },
      number("taktMs", text.takt, project.taktMs),
      number("partsPerDay", text.parts, project.partsPerDay),
      percent("defectRate", text.defects, project.defectRate),
    ),
    make(
      "div",
      { className: "columns-3" },
      number("escapeCost", text.escapeCost, project.escapeCost),
      number("overkillCost", text.overkillCost, project.overkillCost),
      field(text.currency, make("input", { name: "currency", maxLength: 8, value: project.currency })),
    ),
    field(
      text.classes,
      make("textarea", { name: "classes", rows: 6, value: classLines(project), spellcheck: false }),
      text.classHint,
    ),
  ];
}

async function edit(workbench) {
  const { project } = workbench;
  const fields = await openDialog({
    title: text.edit,
    wide: true,
    body: editFields(project),
    yes: text.save,
    check: async (given) => {
      const classes = classesOf(given.classes);
      if (!["good", "defect"].every((kind) => classes.some((each) => each.kind === kind))) return text.needs;
      const percents = Object.fromEntries(
        ["maxEscape", "maxOverkill", "confidence", "defectRate"].map((name) => [name, Number(given[name]) / 100]),
      );
      const numbers = Object.fromEntries(
        ["taktMs", "partsPerDay", "escapeCost", "overkillCost"].map((name) => [name, Number(given[name])]),
      );
      await patch(`projects/${encodeURIComponent(project.id)}`, {
        name: given.name.trim(),
        problem: given.problem,
        currency: given.currency.trim(),
        classes,
        ...percents,
        ...numbers,
      });
      workbench.projects = (await get("projects")).projects;
      workbench.project = workbench.projects.find(({ id }) => id === project.id);
      return null;
    },
  });
  if (fields !== null) toast(text.saved);
  return fields !== null;
}

/** One side of the target: what is wanted, what is proven, what is missing and how long the line takes for it. */
function proofPanel(name, proof) {
  const wait = (days) => (days === null ? text.never : durationText(days * DAY_S));
  const meter = Math.min(1, proof.parts / Math.max(1, proof.parts + proof.missing));
  return make(
    "article",
    { className: `proof ${proof.proven ? "proven" : ""}` },
    make(
      "div",
      { className: "cluster-head" },
      make("h3", { textContent: name }),
      make("span", {
        className: `state-chip ${proof.proven ? "done" : "open"}`,
        textContent: proof.proven ? text.proven : text.notProven,
      }),
    ),
    make(
      "p",
      { className: "proof-figure" },
      make("strong", { textContent: `≤ ${percentText(proof.target.maxRate)}` }),
      make("small", {
        textContent: `${text.target}, ${percentText(proof.target.confidence, 0)} ${text.confidence.toLowerCase()}`,
      }),
    ),
    make(
      "span",
      { className: "track tall", ariaHidden: "true" },
      make("i", { className: proof.proven ? "good" : "part", style: { width: `${100 * meter}%` } }),
    ),
    make(
      "dl",
      { className: "facts wide" },
      ...facts([
        [text.now, proof.parts === 0 ? "–" : `≤ ${percentText(proof.provenRate)}`],
        [text.seen, text.seenText(countText(proof.wrong), countText(proof.parts))],
        [text.missing, proof.missing === 0 ? text.nothing : text.missingText(countText(proof.missing))],
        [text.wait, proof.missing === 0 ? "–" : wait(proof.daysForMissing)],
        [text.fromZero, proof.needed.map(countText).join(" · ")],
        [
          text.likely,
          proof.partsForLikelyProof === null
            ? "–"
            : `${countText(proof.partsForLikelyProof)} parts, ${wait(proof.daysForLikelyProof)} (${text.likelyHint})`,
        ],
      ]),
    ),
  );
}

async function build(main, workbench) {
  const { project } = workbench;
  const { scope } = await get(`projects/${encodeURIComponent(project.id)}`);
  const again = () => void fill(main, () => build(main, workbench));
  const editButton =
    workbench.may("engineer") &&
    button({
      text: text.edit,
      kind: "primary",
      onclick: () => void attempt(async () => (await edit(workbench)) && again()),
    });
  const list = (pairs) => make("dl", { className: "facts wide" }, ...facts(pairs));
  const feasibility =
    scope === null
      ? make("p", { className: "padded hint", textContent: text.incomplete })
      : make(
          "div",
          { className: "padded" },
          make(
            "div",
            { className: "proofs" },
            proofPanel(text.sides.escape, scope.escape),
            proofPanel(text.sides.overkill, scope.overkill),
          ),
          make("ul", { className: "sentences" }, ...scope.sentences.map((textContent) => make("li", { textContent }))),
        );
  const section = (name, ...content) =>
    make("section", {}, make("h2", { className: "small-head", textContent: name }), ...content);
  return make(
    "div",
    { className: "page" },
    pageHead(project.name, "", editButton),
    make(
      "section",
      { className: "panel padded scope-facts" },
      section(text.problem, make("p", { textContent: project.problem === "" ? "–" : project.problem })),
      section(
        text.targets,
        list([
          [text.maxEscape, percentText(project.maxEscape)],
          [text.maxOverkill, percentText(project.maxOverkill)],
          [text.confidence, percentText(project.confidence, 0)],
        ]),
      ),
      section(
        text.line,
        list([
          ["Takt time", `${countText(project.taktMs)} ms`],
          [text.parts, countText(project.partsPerDay)],
          [text.defects, percentText(project.defectRate)],
        ]),
      ),
      section(
        text.prices,
        list([
          [text.escapeCost, moneyText(project.escapeCost, project.currency)],
          [text.overkillCost, moneyText(project.overkillCost, project.currency)],
        ]),
      ),
      section(
        text.classes,
        make(
          "ol",
          { className: "chips" },
          ...project.classes.map(({ name, kind }, index) =>
            make(
              "li",
              { className: `chip ${kind}` },
              make("kbd", { textContent: String(index + 1) }),
              make("span", { textContent: name }),
              make("small", { textContent: text[kind] }),
            ),
          ),
        ),
      ),
    ),
    panel(text.feasibility, text.feasibilityText, feasibility),
  );
}

export function showProject(main, workbench) {
  void fill(main, () => build(main, workbench));
}
