import { get, imageUrl, post, put } from "../api.js";
import { openDialog } from "../dialog.js";
import { button, field, icon, make, select } from "../dom.js";
import { bigFigure, bigFigures, pageHead, panel, shareBar, table } from "../figures.js";
import { countText, dayText, NO_FIGURE, percentText, pointsRange, pointsText } from "../format.js";
import { addressOf, go } from "../router.js";
import { empty, fill } from "../states.js";
import { attempt, toast } from "../toast.js";
import { modelWords } from "../texts-models.js";

const { compare: text } = modelWords;

async function markTestSet(workbench) {
  const { versions } = await get("datasets", { project: workbench.project.id });
  if (versions.length === 0) return toast(modelWords.runs.noVersions, false);
  let marked = null;
  await openDialog({
    title: text.markTitle,
    body: [
      make("p", { textContent: text.markText }),
      field(
        text.testSet,
        select(
          "sha256",
          versions.map(({ sha256, name, cases, createdAt }) => [
            sha256,
            `${name}, ${cases} images, ${dayText(createdAt)}`,
          ]),
          versions[0].sha256,
        ),
      ),
      field(text.side, select("side", Object.entries(text.sides), "test")),
    ],
    yes: text.mark,
    check: async ({ sha256, side }) => {
      marked = await put(`test-sets/${sha256}`, { side });
      return null;
    },
  });
  if (marked !== null) toast(text.marked(countText(marked.parts)));
  return marked;
}

function figureCell(figure) {
  if (figure === null) return NO_FIGURE;
  const { low, high } = figure.interval;
  return make(
    "div",
    { className: "interval-figure" },
    make("strong", { textContent: figure.value.toFixed(3) }),
    make("small", { textContent: `${low.toFixed(3)}–${high.toFixed(3)}` }),
  );
}

const partShare = ({ share, interval, parts }, scale, kind) =>
  shareBar({ share, interval, trials: parts }, { scale, kind });

function certificateCell({ certificate, certificateFault }) {
  if (certificate === null) return make("span", { className: "hint", textContent: text.certificate.none });
  if (certificateFault !== null) {
    return make("span", {
      className: "state-chip called",
      textContent: text.certificate.void,
      title: certificateFault,
    });
  }
  return make("span", {
    className: "state-chip done",
    textContent: text.certificate.promise(percentText(certificate.maxEscape)),
  });
}

function leaderboardPanel(workbench, { rows, active, testSet }, chosen, again) {
  const scale = Math.max(
    0.02,
    ...rows.flatMap(({ judged }) =>
      judged === null ? [] : ["escape", "overkill", "review"].map((kind) => judged.figures.quality[kind].interval.high),
    ),
  );
  const { columns: name, hints } = text;
  const columns = [
    ["model", name.model],
    ["auroc", name.auroc, { number: true, hint: hints.auroc }],
    ["escape", name.escape, { hint: hints.escape }],
    ["overkill", name.overkill, { hint: hints.overkill }],
    ["review", name.review],
    ["speed", name.speed, { number: true, hint: hints.speed }],
    ["certificate", name.certificate],
    ["act", ""],
  ];
  const judge = (modelId) =>
    void attempt(async () => {
      await post("evaluations", { project: workbench.project.id, modelId, datasetSha256: testSet });
      toast(modelWords.runs.started);
      again();
    });
  const body = rows.map(({ model, judged }) => {
    const isActive = model.id === active;
    const title = make(
      "div",
      { className: "order-title" },
      make("strong", { textContent: `${model.name} ${model.version}` }),
      isActive && make("span", { className: "state-chip done", textContent: text.active }),
      judged !== null &&
        judged.sharedParts > 0 &&
        make("small", { className: "warn", textContent: text.shared(judged.sharedParts) }),
    );
    const act =
      judged === null
        ? testSet !== null && workbench.may("engineer") && button({ text: text.judge, onclick: () => judge(model.id) })
        : !isActive &&
          active !== null &&
          make("a", { className: "button quiet", href: addressOf("compare", model.id), textContent: text.against });
    if (judged === null) {
      const waits = make("span", { className: "hint", textContent: text.notJudged });
      return { cells: [title, waits, "", "", "", "", certificateCell(model), act || ""] };
    }
    const { quality, speed } = judged.figures;
    const p99 = speed.find(({ threads }) => threads === 1)?.p99Ms;
    return {
      className: model.id === chosen ? "chosen" : "",
      cells: [
        title,
        figureCell(quality.auroc),
        partShare(quality.escape, scale, "strong"),
        partShare(quality.overkill, scale, "strong"),
        partShare(quality.review, scale),
        p99 === undefined ? NO_FIGURE : `${p99.toFixed(1)} ms`,
        certificateCell(model),
        act || "",
      ],
    };
  });
  return make("section", { className: "panel" }, table(text.title, columns, body));
}

const changeOf = ({ difference, interval }) =>
  make(
    "div",
    { className: `measured ${interval.high < 0 ? "better" : interval.low > 0 ? "worse" : ""}` },
    make("strong", { textContent: pointsText(difference) }),
    make("small", { textContent: pointsRange(interval) }),
  );

const countFigure = (name, count) =>
  bigFigure(
    name,
    `${countText(count.wrongBefore)} → ${countText(count.wrongAfter)}`,
    text.change(count.fixed, count.broken),
  );

function verdictText({ verdict, class: said, ngScore }) {
  const score = ngScore === null ? "" : ` ${ngScore.toFixed(2)}`;
  return `${verdict}${said === null ? "" : `, ${said}`}${score}`;
}

function turnedSheet(title, note, frames, kind) {
  const items = frames.map(({ caseId, part, label, before, after }) =>
    make(
      "li",
      {},
      make(
        "a",
        { href: caseId === null ? undefined : addressOf("case", caseId) },
        caseId !== null && make("img", { src: imageUrl(caseId, true), alt: part, loading: "lazy" }),
      ),
      make("strong", { textContent: label }),
      make("small", { className: "was", textContent: verdictText(before) }),
      make("small", { className: "is", textContent: verdictText(after) }),
    ),
  );
  return make(
    "section",
    { className: `panel turned ${kind}` },
    make(
      "div",
      { className: "panel-head" },
      make("h2", {}, icon(kind === "fixed" ? "lamp-ok" : "lamp-bad"), ` ${title} (${frames.length})`),
      make("p", { textContent: note }),
    ),
    items.length === 0
      ? make("p", { className: "padded hint", textContent: text.none })
      : make("ul", { className: "turned-sheet padded" }, ...items),
  );
}

function groupsPanel({ groups }) {
  const { groupColumns: name } = text;
  const columns = [
    ["name", name.name],
    ["parts", name.parts, { number: true }],
    ["fixed", name.fixed, { number: true }],
    ["broken", name.broken, { number: true }],
    ["change", name.change, { number: true }],
    ["q", name.q, { number: true }],
  ];
  const rows = groups.slice(0, 40).map(({ name: group, count, q }) => ({
    cells: [
      group,
      countText(count.parts),
      countText(count.fixed),
      countText(count.broken),
      changeOf(count),
      q < 0.001 ? "< 0.001" : q.toFixed(3),
    ],
  }));
  return panel(text.groups, text.groupsText, table(text.groups, columns, rows));
}

function comparisonPart({ before, after, comparison }) {
  const name = ({ model }) => `${model.name} ${model.version}`;
  return [
    make(
      "section",
      { className: "panel" },
      make(
        "div",
        { className: "panel-head" },
        make("h2", { textContent: text.compared(name(before), name(after)) }),
        make("p", { textContent: comparison.sentence }),
      ),
    ),
    bigFigures(
      countFigure(text.all, comparison.all),
      countFigure(text.escapes, comparison.escapes),
      countFigure(text.overkills, comparison.overkills),
      countFigure(text.reviews, comparison.reviews),
    ),
    make(
      "div",
      { className: "side-by-side" },
      turnedSheet(text.fixed, text.fixedText, comparison.fixed, "fixed"),
      turnedSheet(text.broken, text.brokenText, comparison.broken, "broken"),
    ),
    comparison.groups.length > 0 && groupsPanel(comparison),
  ];
}

async function build(main, workbench, { argument: chosen, query }) {
  const project = workbench.project.id;
  const [{ testSets }, board] = await Promise.all([
    get("test-sets", { project }),
    get("leaderboard", { project, testSet: query.testSet }),
  ]);
  const again = () => void fill(main, () => build(main, workbench, { argument: chosen, query }));
  const mark = () => void attempt(async () => ((await markTestSet(workbench)) ? again() : undefined));
  const choice =
    testSets.length > 0 &&
    make(
      "label",
      { className: "joined-label" },
      text.testSet,
      select(
        "testSet",
        testSets.map(({ datasetSha256, name, parts }) => [datasetSha256, `${name}, ${parts} parts`]),
        board.testSet,
        { onchange: (event) => go("compare", chosen, { testSet: event.target.value }) },
      ),
    );
  const head = pageHead(
    text.title,
    text.text,
    choice,
    workbench.may("engineer") &&
      button({ text: text.mark, kind: testSets.length === 0 ? "primary" : "", onclick: mark }),
  );
  const nothing = (state) =>
    make("div", { className: "page" }, head, make("section", { className: "panel" }, empty(state)));
  if (board.rows.length === 0) return nothing({ title: text.emptyTitle, text: text.emptyText });
  const judged = board.rows.filter((row) => row.judged !== null && row.model.id !== board.active);
  const shown = chosen || judged[0]?.model.id;
  const isJudged = (id) => board.rows.some(({ model, judged: figures }) => model.id === id && figures !== null);
  const comparison =
    shown && board.active !== null && shown !== board.active && isJudged(shown) && isJudged(board.active)
      ? await get("comparison", { project, testSet: board.testSet, after: shown })
      : null;
  return make(
    "div",
    { className: "page" },
    head,
    testSets.length === 0 &&
      make("section", { className: "panel" }, empty({ title: text.noTestSet, text: text.noTestSetText })),
    leaderboardPanel(workbench, board, shown, again),
    ...(comparison === null
      ? [make("p", { className: "hint", textContent: text.noComparison })]
      : comparisonPart(comparison)),
  );
}

export function showCompare(main, workbench, address) {
  void fill(main, () => build(main, workbench, address));
}
