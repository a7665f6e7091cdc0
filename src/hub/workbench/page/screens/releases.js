import { get, post } from "../api.js";
import { confirm_ } from "../dialog.js";
import { button, make } from "../dom.js";
import { pageHead, panel, table } from "../figures.js";
import { dayTimeText } from "../format.js";
import { askReason, askRelease, gateList } from "../release-dialog.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { modelWords } from "../texts-models.js";

const { releases: text } = modelWords;
const STAGES = ["shadow", "canary", "fleet"];
const KINDS = { signing: "open", ready: "open", rolling: "open", held: "called", done: "done", withdrawn: "dropped" };
const POLL_MS = 5000;
const SOON_DAYS = 0.25;

/** Signed, shadow, canary, fleet as a track: what is behind it, where it is. */
function track({ stage, state, backFrom }) {
  const at = STAGES.indexOf(stage);
  const shown = backFrom === null ? STAGES : ["fleet"];
  return make(
    "ol",
    { className: `stage-track ${state}` },
    ...shown.map((name) => {
      const index = STAGES.indexOf(name);
      const kind = index < at || state === "done" ? "past" : index === at ? "now" : "";
      return make("li", {
        className: kind,
        textContent: text.stages[name],
        "aria-current": kind === "now" ? "step" : undefined,
      });
    }),
  );
}

function acts(workbench, release, again) {
  if (!workbench.may("engineer") || release.state === "withdrawn") return null;
  const next = STAGES[STAGES.indexOf(release.stage) + 1];
  const order = () =>
    void attempt(async () => {
      const name = text.stages[next];
      if (!(await confirm_(text.orderTitle(name), text.orderText, text.order(name)))) return;
      await post(`releases/${release.id}/stage`, { stage: next });
      again();
    });
  const hold = () =>
    void attempt(async () => {
      const reason = await askReason(text.holdTitle, "", text.hold);
      if (reason === null) return;
      await post(`releases/${release.id}/hold`, { reason });
      again();
    });
  const back = () =>
    void attempt(async () => {
      const reason = await askReason(text.rollbackTitle, text.rollbackText, text.rollback);
      if (reason === null) return;
      await post(`releases/${release.id}/rollback`, { reason });
      again();
    });
  const canOrder = next !== undefined && ["ready", "rolling", "held"].includes(release.state);
  return make(
    "div",
    { className: "row-acts" },
    canOrder && button({ text: text.order(text.stages[next]), onclick: order }),
    ["ready", "rolling"].includes(release.state) && button({ text: text.hold, kind: "quiet", onclick: hold }),
    button({ text: text.rollback, kind: "quiet danger", onclick: back }),
  );
}

function releasePanel(workbench, release, again) {
  const { model, number, state, sentence, gates, overrideReason, reason, createdBy, createdAt, backFrom } = release;
  const name = model === null ? "–" : `${model.name} ${model.version}`;
  return make(
    "article",
    { className: "panel release" },
    make(
      "header",
      { className: "release-head" },
      make("h2", { textContent: name }),
      make("small", { textContent: `${text.release(number)}${backFrom === null ? "" : `, ${text.back}`}` }),
      make("span", { className: `state-chip ${KINDS[state]}`, textContent: text.states[state] }),
      track(release),
      acts(workbench, release, again),
    ),
    make(
      "div",
      { className: "padded release-text" },
      make("p", { textContent: sentence }),
      make("small", { textContent: `${reason} (${createdBy}, ${dayTimeText(createdAt)})` }),
      overrideReason !== null && make("p", { className: "warn", textContent: text.overridden(overrideReason) }),
      gates.length > 0 && make("details", {}, make("summary", { textContent: text.gates }), gateList(gates)),
    ),
  );
}

function rolesPanel(roles) {
  const { roleColumns: name } = text;
  const columns = [
    ["role", name.role],
    ["version", name.version, { number: true }],
    ["signed", name.signed, { number: true }],
    ["left", name.left, { number: true }],
  ];
  const rows = roles.map(({ repository, role, version, signatures, threshold, daysLeft }) => ({
    cells: [
      `${repository} / ${role}`,
      String(version),
      `${signatures} / ${threshold}`,
      make("span", { className: daysLeft < SOON_DAYS ? "warn" : "", textContent: daysLeft.toFixed(1) }),
    ],
  }));
  return panel(text.signatures, text.signaturesText, table(text.signatures, columns, rows));
}

async function build(main, workbench, chosen) {
  const project = workbench.project.id;
  const [{ enabled, releases, roles }, board] = await Promise.all([
    get("releases", { project }),
    get("leaderboard", { project }),
  ]);
  const again = () => void fill(main, () => build(main, workbench, chosen));
  const models = board.rows.map(({ model }) => model).filter(({ id }) => id !== board.active);
  const ask = async () => {
    if ((await askRelease(workbench, models, chosen)) !== null) again();
  };
  const head = pageHead(
    text.title,
    text.text,
    enabled &&
      workbench.may("engineer") &&
      button({ text: text.new, glyph: "glyph-plus", kind: "primary", onclick: () => void attempt(ask) }),
  );
  const state = enabled ? { title: text.emptyTitle, text: text.emptyText } : { title: text.title, text: text.off };
  return make(
    "div",
    { className: "page" },
    head,
    ...(releases.length === 0
      ? [make("section", { className: "panel" }, empty(state))]
      : releases.map((release) => releasePanel(workbench, release, again))),
    roles.length > 0 && rolesPanel(roles),
  );
}

export function showReleases(main, workbench, { argument }) {
  void fill(main, () => build(main, workbench, argument));
  const timer = setInterval(() => {
    if (document.querySelector("dialog[open], details[open]") !== null) return;
    void build(main, workbench, argument)
      .then((page) => main.isConnected && main.replaceChildren(page))
      .catch(() => undefined);
  }, POLL_MS);
  return () => clearInterval(timer);
}
