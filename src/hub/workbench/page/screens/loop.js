import { get } from "../api.js";
import { make } from "../dom.js";
import { pageHead, panel, shareBar, table } from "../figures.js";
import { agoText, countText, dayTimeText } from "../format.js";
import { addressOf } from "../router.js";
import { fill } from "../states.js";
import { modelWords } from "../texts-models.js";

const { loop: text } = modelWords;
const POLL_MS = 3000;

/** Where more of a station is to be seen. */
const SCREEN_OF = {
  watch: "fleet",
  ask: "cases",
  label: "label",
  errors: "errors",
  retrain: "runs",
  gates: "compare",
  release: "releases",
};

function station({ station: name, state, at, sentence }, now) {
  return make(
    "li",
    { className: `loop-station ${state}`, ariaCurrent: state === "now" ? "step" : undefined },
    make(
      "div",
      { className: "loop-name" },
      make("a", { href: addressOf(SCREEN_OF[name]), textContent: text.stations[name] }),
      make("span", { className: "loop-state", textContent: text.states[state] }),
    ),
    make("p", { textContent: sentence }),
    at !== null && make("small", { textContent: agoText(at, now), title: dayTimeText(at) }),
  );
}

function stretchesTable(stretches) {
  const { columns: name } = text;
  const columns = [
    ["model", name.model],
    ["time", name.time],
    ["escapes", name.escapes, { hint: text.escapesHint }],
    ["overkill", name.overkill, { hint: text.overkillHint }],
    ["parts", name.parts, { number: true }],
  ];
  const scale = Math.max(
    0.05,
    ...stretches.flatMap(({ escapes, overkill }) => [escapes.interval.high, overkill.interval.high]),
  );
  const rows = stretches.map(({ modelVersion, from, to, escapes, overkill }) => ({
    cells: [
      make("strong", { textContent: modelVersion }),
      to !== null ? text.before : from !== null ? text.since : text.always,
      shareBar(escapes, { scale, kind: "escape" }),
      shareBar(overkill, { scale, kind: "overkill" }),
      countText(escapes.trials + overkill.trials),
    ],
  }));
  return table(text.errorsTitle, columns, rows);
}

async function build(workbench) {
  const { steps, stretches, labelledBy } = await get("loop", { project: workbench.project.id });
  const now = Date.now();
  const bySimulator = labelledBy.some((name) => name.startsWith("simulator"));
  const figures =
    stretches.length === 0
      ? make("p", { className: "padded hint", textContent: text.noLabels })
      : stretchesTable(stretches);
  return make(
    "div",
    { className: "page" },
    pageHead(text.title, text.text),
    bySimulator && make("p", { className: "loop-note", role: "note", textContent: text.simulator }),
    make("ol", { className: "loop-ring" }, ...steps.map((step) => station(step, now))),
    panel(text.errorsTitle, text.errorsText(labelledBy.slice(0, 3).join(", ")), figures),
  );
}

export function showLoop(main, workbench) {
  void fill(main, () => build(workbench));
  const timer = setInterval(() => {
    void build(workbench)
      .then((page) => main.isConnected && main.replaceChildren(page))
      .catch(() => undefined);
  }, POLL_MS);
  return () => clearInterval(timer);
}
