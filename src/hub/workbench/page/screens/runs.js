import { get, post } from "../api.js";
import { confirm_ } from "../dialog.js";
import { button, make } from "../dom.js";
import { pageHead, panel, table } from "../figures.js";
import { dayTimeText, percentText } from "../format.js";
import { lossCurve } from "../loss-curve.js";
import { addressOf, go } from "../router.js";
import { empty, fill } from "../states.js";
import { attempt, toast } from "../toast.js";
import { modelWords } from "../texts-models.js";
import { askTraining } from "../training-dialog.js";

const { runs: text } = modelWords;
const POLL_MS = 2000;
const KINDS = { queued: "open", running: "open", done: "done", failed: "called", cancelled: "dropped" };
const isOpen = ({ state }) => state === "queued" || state === "running";

const progressBar = (share) =>
  make(
    "span",
    { className: "progress-track", ariaHidden: "true" },
    make("i", { style: { width: `${Math.round(share * 100)}%` } }),
  );

function stateCell(job) {
  return make(
    "div",
    { className: "run-state" },
    make("span", { className: `state-chip ${KINDS[job.state]}`, textContent: text.states[job.state] }),
    job.state === "running" && make("strong", { textContent: percentText(job.progress, 0) }),
    job.state === "running" && progressBar(job.progress),
    job.message !== "" && make("small", { textContent: job.message }),
  );
}

function optionsText({ payload, kind }, models) {
  if (kind !== "train") return "–";
  const base = models.find(({ id }) => id === payload.base);
  const from = base === undefined ? payload.base : `${base.name} ${base.version}`;
  return [from, payload.layers, `${payload.sizePx} px`, payload.augment].join(" · ");
}

function nameCell(job, models, chosen) {
  const model = models.find(({ id }) => id === job.payload.modelId);
  const name =
    job.kind === "train" ? `${job.payload.name} ${job.payload.version}` : model && `${model.name} ${model.version}`;
  return make(
    "div",
    { className: "order-title" },
    job.kind === "train"
      ? make("a", { href: addressOf("runs", job.id), "aria-current": chosen ? "true" : undefined, textContent: name })
      : make("strong", { textContent: name ?? "–" }),
    make("small", { textContent: [text.kinds[job.kind], job.payload.note].filter(Boolean).join(": ") }),
  );
}

function acts(workbench, job, again) {
  if (!workbench.may("engineer")) return "";
  const stop = () =>
    void attempt(async () => {
      if (!(await confirm_(text.stopTitle, text.stopText, text.stop))) return;
      await post(`training/${job.id}/cancel`);
      again();
    });
  const resume = () =>
    void attempt(async () => {
      const { job: next } = await post(`training/${job.id}/resume`);
      toast(text.started);
      go("runs", next.id);
    });
  const canResume = job.kind === "train" && (job.state === "cancelled" || job.state === "failed");
  return make(
    "div",
    { className: "row-acts" },
    isOpen(job) && button({ text: text.stop, onclick: stop }),
    canResume && button({ text: text.resume, kind: "quiet", onclick: resume }),
  );
}

function curvePanel({ job, points }) {
  const content =
    points.length === 0
      ? make("p", { className: "padded hint", textContent: text.curveNone })
      : make("div", { className: "padded" }, lossCurve(points));
  const result = job.result;
  const link =
    result !== null &&
    make("a", { className: "button", href: addressOf("compare", result.modelId), textContent: text.candidate });
  return panel(
    `${text.curve}: ${job.payload.name} ${job.payload.version}`,
    text.curveText,
    content,
    result !== null && make("p", { className: "padded run-result" }, result.certificate ?? "", link),
  );
}

async function build(main, workbench, chosenId) {
  const project = workbench.project.id;
  const [{ jobs }, options] = await Promise.all([get("training", { project }), get("training/options", { project })]);
  const shown = jobs.filter(({ kind }) => kind === "train" || kind === "evaluate");
  const chosen = chosenId || shown.find(({ kind, state }) => kind === "train" && state === "running")?.id;
  const detail = chosen ? await get(`training/${chosen}`) : null;
  const again = () => void refresh(main, workbench, chosenId);
  const start = async () => {
    const job = await askTraining(workbench, options);
    if (job !== null) go("runs", job.id);
  };
  const head = pageHead(
    text.title,
    text.text,
    workbench.may("engineer") &&
      button({ text: text.train, glyph: "glyph-plus", kind: "primary", onclick: () => void attempt(start) }),
  );
  if (shown.length === 0) {
    const nothing = empty({ title: text.emptyTitle, text: text.emptyText });
    return {
      open: false,
      page: make("div", { className: "page" }, head, make("section", { className: "panel" }, nothing)),
    };
  }
  const { columns: name } = text;
  const columns = [
    ["what", name.what],
    ["data", name.data],
    ["options", name.options],
    ["state", name.state],
    ["by", name.by],
    ["at", name.at],
    ...(workbench.may("engineer") ? [["act", ""]] : []),
  ];
  const versionName = (sha256) => options.versions.find((each) => each.sha256 === sha256)?.name ?? "–";
  const rows = shown.map((job) => ({
    className: job.id === chosen ? "chosen" : "",
    cells: [
      nameCell(job, options.models, job.id === chosen),
      make("span", { textContent: versionName(job.payload.datasetSha256), title: job.payload.datasetSha256 }),
      optionsText(job, options.models),
      stateCell(job),
      job.createdBy,
      dayTimeText(job.createdAt),
      ...(workbench.may("engineer") ? [acts(workbench, job, again)] : []),
    ],
  }));
  const page = make(
    "div",
    { className: "page" },
    head,
    detail !== null && curvePanel(detail),
    make("section", { className: "panel" }, table(text.title, columns, rows)),
  );
  return { open: shown.some(isOpen), page };
}

/** Draws anew while something runs; not while a dialog is open over it. */
async function refresh(main, workbench, chosen, quiet = false) {
  let open = false;
  const draw = async () => {
    const built = await build(main, workbench, chosen);
    open = built.open;
    return built.page;
  };
  if (quiet) {
    const page = await draw();
    const scroll = main.scrollTop;
    main.replaceChildren(page);
    main.scrollTop = scroll;
  } else await fill(main, draw);
  return open;
}

export function showRuns(main, workbench, { argument }) {
  let stopped = false;
  let timer;
  const loop = async (quiet) => {
    if (quiet && document.querySelector("dialog[open]") !== null) return again(true);
    const open = await refresh(main, workbench, argument, quiet).catch(() => true);
    if (!stopped) again(open);
  };
  const again = (soon) => (timer = setTimeout(() => stopped || void loop(true), soon ? POLL_MS : POLL_MS * 5));
  void loop(false);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
