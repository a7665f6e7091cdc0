import { get, post } from "../api.js";
import { filterOfQuery, queryOfFilter } from "../case-filter.js";
import { CaseView } from "../case-view.js";
import { button, icon, make } from "../dom.js";
import { filterQueue, Queue, queueOf } from "../navigators.js";
import { addressOf, replaceAddress } from "../router.js";
import { empty, fill } from "../states.js";
import { texts } from "../texts.js";

const AUTO_KEY = "sightline-auto-next";
const AHEAD = 40;
const SAMPLE = 100;
const MOST_SAMPLE = 1000;

const link = (text, screen) => make("a", { className: "button primary", href: addressOf(screen), textContent: text });

function finished(done, blind) {
  const { finishedTitle, finishedText, finishedBlind, toErrors, toAgreement } = texts.queue;
  return make(
    "div",
    { className: "state" },
    icon("lamp-ok"),
    make("h2", { textContent: finishedTitle }),
    make("p", { textContent: blind ? finishedBlind(done) : finishedText(done) }),
    blind ? link(toAgreement, "agreement") : link(toErrors, "errors"),
  );
}

/** Works through a queue; gives the function that stops it. */
function work(main, workbench, { queue, title, text, blind = false, nothing, waiting, acts = [] }) {
  let auto = (localStorage.getItem(AUTO_KEY) ?? "on") === "on";
  let view = null;
  let stopped = false;
  const autoBox = make("input", {
    type: "checkbox",
    checked: auto,
    onchange: () => {
      auto = autoBox.checked;
      localStorage.setItem(AUTO_KEY, auto ? "on" : "off");
    },
  });
  const begin = async () => {
    const id = await queue.start();
    if (stopped) return [];
    if (id === null) {
      const heading = make(
        "div",
        { className: "page" },
        make(
          "div",
          { className: "page-head" },
          make("h1", { textContent: title }),
          make("div", { className: "acts" }, ...acts),
        ),
      );
      return [
        heading,
        empty({
          title: texts.queue.emptyTitle,
          text: typeof nothing === "function" ? nothing() : nothing,
          action: link(texts.queue.toGallery, "cases"),
        }),
      ];
    }
    view = new CaseView({
      workbench,
      navigator: queue,
      blind,
      auto: () => auto,
      title,
      text,
      acts: [make("label", { className: "check" }, autoBox, texts.queue.auto), ...acts],
      onEnd: (done) => {
        view.stop();
        main.replaceChildren(finished(done, blind));
      },
    });
    void view.open(id);
    return view.element;
  };
  void fill(main, begin, waiting);
  return () => {
    stopped = true;
    view?.stop();
  };
}

const projectFilter = (workbench, query) => ({ project: workbench.project.id, ...filterOfQuery(query.filter) });

/** Cases without a label. */
export function showLabelling(main, workbench, { query }) {
  const filter = { ...projectFilter(workbench, query), labelled: false };
  return work(main, workbench, {
    queue: filterQueue(filter, "newest"),
    title: texts.queue.label,
    text: texts.queue.labelText,
    nothing: texts.queue.emptyLabel,
  });
}

/** The gallery's selection, or a random sample of errors. */
export function showReview(main, workbench, { query }) {
  if (query.of === "selection") {
    return work(main, workbench, {
      queue: queueOf(workbench.chosen ?? []),
      title: texts.screens.review,
      nothing: texts.queue.emptySample,
    });
  }
  const count = Math.min(MOST_SAMPLE, Math.max(1, Number.parseInt(query.n ?? String(SAMPLE), 10) || SAMPLE));
  const seed = Number.parseInt(query.seed ?? "1", 10) || 1;
  const filter = projectFilter(workbench, query);
  const many = make("input", {
    type: "number",
    min: "1",
    max: String(MOST_SAMPLE),
    value: String(count),
    ariaLabel: texts.queue.count,
    className: "short",
  });
  const draw = () => {
    const again = {
      of: "sample",
      n: many.value,
      seed: String(seed + 1),
      filter: queryOfFilter(filterOfQuery(query.filter)),
    };
    location.hash = addressOf("review", "", again);
  };
  const queue = new Queue(async (known) => {
    if (known > 0) return { ids: [] };
    const { cases } = await get("cases/sample", { filter, n: count, seed });
    return { ids: cases.map(({ id }) => id), total: cases.length };
  });
  return work(main, workbench, {
    queue,
    title: texts.queue.sample(count),
    nothing: texts.queue.emptySample,
    acts: [
      make(
        "span",
        { className: "joined" },
        many,
        button({ text: texts.queue.newSample, glyph: "glyph-dice", onclick: draw }),
      ),
    ],
  });
}

/** A second, independent label: nothing of the first is shown. */
export function showSecondLabels(main, workbench) {
  replaceAddress("second");
  const queue = new Queue(async (known) => {
    const { cases, total } = await get("second-labels", { project: workbench.project.id, n: AHEAD + known });
    return known === 0 ? { ids: cases.map(({ id }) => id), total } : { ids: cases.map(({ id }) => id) };
  });
  return work(main, workbench, {
    queue,
    title: texts.queue.second,
    text: texts.queue.secondText,
    blind: true,
    nothing: texts.queue.emptySecond,
  });
}

/** Labels that a model of the other parts holds for wrong; the most suspect first. Looks for them anew when a label changed. */
export function showSuspected(main, workbench) {
  const project = workbench.project.id;
  let compared = 0;
  const queue = new Queue(async (known) => {
    if (known > 0) return { ids: [] };
    compared = (await post("label-suspicion", { project })).cases;
    const { cases } = await get("cases", { filter: { project, labelled: true }, order: "suspicion", limit: 500 });
    return { ids: cases.map(({ id }) => id), total: cases.length };
  });
  return work(main, workbench, {
    queue,
    title: texts.queue.suspected,
    text: texts.queue.suspectedText,
    nothing: () => texts.queue.emptySuspected(compared),
    waiting: texts.queue.looking,
  });
}
