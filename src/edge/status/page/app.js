import { listen, order, readVerdicts, Refused } from "./api.js";
import { drawChart } from "./chart.js";
import { askOverride, askToken, confirmRecipe, operatorName, showDetails, wireDialogs } from "./dialogs.js";
import { byId, facts, make, setText } from "./dom.js";
import { openDrift, renderDrift, wireDrift } from "./drift-dialog.js";
import { FrameView } from "./frame-view.js";
import { LOST_AFTER_MS, mayReplace } from "./model.js";
import { Announcer, renderAttention, renderFace, renderParts, renderStatus } from "./render.js";
import { texts } from "./texts.js";

const KEPT_VERDICTS = 300;
const KEPT_FAULTS = 1_000;
const ROUND_MS = 250;
/** After verdicts were skipped on a fast line the list is completed, but not more often than this. */
const REFILL_EVERY_MS = 2_000;
const TOAST_MS = 6_000;
const THEMES = ["auto", "light", "dark"];

const state = {
  link: "connecting",
  status: null,
  /** Newest first. */
  verdicts: [],
  /** Faults outlive the list above: on a fast line it spans a minute, the panel an hour. */
  faults: [],
  /** The verdict in the big face; a part that did not pass is held there against good ones. */
  shown: null,
  shownSince: 0,
  selectedId: null,
  lastHeardTick: 0,
  lastHeardAt: 0,
  /** By how much this computer's clock is ahead of the device's. */
  aheadMs: 0,
};
let refillWanted = false;
let refillAfter = 0;
let drawnMinute = "";

const announcer = new Announcer();
const frames = new FrameView((verdict) => {
  const word = texts.verdicts[verdict.verdict];
  return {
    alt: texts.frameAlt(verdict.part, word),
    caption: `${verdict.part} · ${word}${verdict.class === null ? "" : ` · ${verdict.class}`}`,
  };
});

const orderOf = (verdict) => verdict.bootSeq * 1e9 + verdict.verdictSeq;

function keep(verdicts) {
  const known = new Map(state.verdicts.map((verdict) => [verdict.id, verdict]));
  for (const verdict of verdicts) known.set(verdict.id, verdict);
  const ordered = [...known.values()].sort((one, other) => orderOf(other) - orderOf(one));
  state.verdicts = ordered.slice(0, KEPT_VERDICTS);
  const faults = new Map(state.faults.map((verdict) => [verdict.id, verdict]));
  for (const verdict of verdicts) if (verdict.verdict === "fault") faults.set(verdict.id, verdict);
  state.faults = [...faults.values()].slice(-KEPT_FAULTS);
}

/**
 * Lets the newest verdict into the face, unless a part that did not pass is still to be seen. One of the boot before
 * is history: a device that has just started has passed nothing yet.
 */
function promote() {
  const newest = state.verdicts[0];
  if (newest === undefined || newest === state.shown || newest.bootSeq !== state.status?.bootSeq) return;
  if (!mayReplace(state.shown, performance.now() - state.shownSince, newest)) return;
  state.shown = newest;
  state.shownSince = performance.now();
  frames.refresh(); // with the face, so that picture and word belong together
}

function heard() {
  state.lastHeardTick = performance.now();
  state.lastHeardAt = Date.now();
  if (state.link === "up") return;
  if (state.link === "lost") announcer.say(texts.announceBack);
  state.link = "up";
  void refill();
}

function lose() {
  if (state.link !== "up") return;
  state.link = "lost";
  announcer.say(texts.announceLost);
  render();
}

async function refill() {
  refillWanted = false;
  refillAfter = performance.now() + REFILL_EVERY_MS;
  const answer = await readVerdicts(KEPT_VERDICTS).catch(() => null);
  if (answer === null) return;
  state.aheadMs = answer.aheadMs;
  keep(answer.verdicts);
  render();
}

/** The device was restarted, perhaps with an empty ledger: what was known before may not stand. */
function startOver() {
  state.verdicts = [];
  state.faults = [];
  state.shown = null;
  state.selectedId = null;
  refillWanted = true;
  refillAfter = 0;
}

function onVerdict({ verdict, skipped }) {
  heard();
  keep([verdict]);
  if (skipped > 0) refillWanted = true;
  promote();
  announcer.verdict(verdict);
  render();
}

function onStatus(status) {
  heard();
  if (state.status !== null && state.status.startedAt !== status.startedAt) startOver();
  state.status = status;
  render();
}

const selected = () => state.verdicts.find((verdict) => verdict.id === state.selectedId) ?? null;
const target = () => selected() ?? state.shown;

function draw() {
  promote();
  const { status, link } = state;
  const view = { ...state, selected: selected(), nowMs: Date.now() };
  document.body.dataset.link = link;
  renderFace(view);
  renderParts(view, select, open);
  renderAttention(view, () => openDrift(state.status));
  if (status === null) return;
  renderStatus(view);
  renderDrift(status);
  const minute = `${status.history.at(-1)?.minute} ${JSON.stringify(status.history.at(-1)?.counts)}`;
  if (minute === drawnMinute) return;
  drawnMinute = minute;
  drawChart(status.history);
}

let drawing = false;
function render() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function select(id) {
  state.selectedId = id;
  render();
}

function open(verdict) {
  select(verdict.id);
  showDetails(verdict);
}

function toast(text, level) {
  const note = make("p", { className: `toast ${level}`, textContent: text });
  byId("toasts").append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}

/** Sends an order and tells the person how it ended. */
async function act(path, body, done) {
  try {
    await order(path, body, askToken);
    toast(done, "good");
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast(texts.failed(error.message), "bad");
    return false;
  }
}

async function flag() {
  const verdict = target();
  if (verdict === null) return;
  await act(`api/v1/verdicts/${verdict.id}/flag`, { note: "", by: operatorName() }, texts.flagDone(verdict.part));
}

async function override() {
  const verdict = target();
  if (verdict === null) return;
  byId("details-dialog").close();
  const answer = await askOverride(verdict);
  if (answer === null) return;
  await act(
    `api/v1/verdicts/${verdict.id}/override`,
    answer,
    texts.overrideDone(verdict.part, texts.verdicts[answer.verdict]),
  );
}

async function switchRecipe(event) {
  const choice = event.target;
  const recipe = choice.value;
  const done =
    (await confirmRecipe(recipe)) &&
    (await act("api/v1/recipe", { recipe, by: operatorName() }, texts.recipeDone(recipe)));
  if (!done) choice.value = state.status?.recipe ?? "";
}

/** Moves the selection through the last parts: 1 to older, -1 to newer. */
function move(step) {
  const list = byId("parts");
  const chips = [...list.querySelectorAll("button")];
  if (chips.length === 0) return;
  const at = chips.findIndex((chip) => chip.dataset.id === state.selectedId);
  const chip = chips[Math.min(chips.length - 1, Math.max(0, at + step))];
  select(chip.dataset.id);
  chip.focus();
  chip.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function toggleHeat() {
  const box = byId("heat");
  box.checked = !box.checked;
  showHeat();
}

function showHeat() {
  const stage = byId("stage");
  stage.classList.toggle("no-heat", !byId("heat").checked);
  stage.style.setProperty("--heat", String(Number(byId("heat-strength").value) / 100));
}

const SHORTCUTS = {
  f: () => void flag(),
  o: () => void override(),
  h: toggleHeat,
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
  Escape: () => select(null),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
  if (event.target.closest("select, textarea, input:not([type=checkbox])") !== null) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shortcut = SHORTCUTS[key];
  if (shortcut === undefined || (key.length === 1 && localStorage.getItem("sightline-keys") === "off")) return;
  event.preventDefault();
  shortcut();
}

function applyTheme(theme) {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  localStorage.setItem("sightline-theme", theme);
  setText(byId("theme-word"), texts.theme[theme]);
  byId("theme").setAttribute("aria-label", texts.themeLabel(texts.theme[theme]));
}

function wireSettings() {
  let theme = localStorage.getItem("sightline-theme") ?? "auto";
  applyTheme(theme);
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    applyTheme(theme);
  });
  const keysOn = byId("keys-on");
  keysOn.checked = localStorage.getItem("sightline-keys") !== "off";
  keysOn.addEventListener("change", () => localStorage.setItem("sightline-keys", keysOn.checked ? "on" : "off"));
  byId("keys-list").replaceChildren(...facts(texts.keys));
  byId("keys-button").addEventListener("click", () => byId("keys-dialog").showModal());
  byId("heat").addEventListener("change", showHeat);
  byId("heat-strength").addEventListener("input", showHeat);
  showHeat();
}

function wire() {
  for (const element of document.querySelectorAll("[data-text]")) setText(element, texts[element.dataset.text]);
  wireDialogs();
  wireSettings();
  wireDrift(act);
  byId("flag").addEventListener("click", () => void flag());
  byId("override").addEventListener("click", () => void override());
  byId("details-flag").addEventListener("click", () => {
    byId("details-dialog").close(); // the answer would be hidden behind it
    void flag();
  });
  byId("details-override").addEventListener("click", () => void override());
  byId("recipe").addEventListener("change", (event) => void switchRecipe(event));
  document.addEventListener("keydown", onKey);
  new ResizeObserver(() => {
    drawnMinute = "";
    render();
  }).observe(byId("chart"));
}

wire();
render();
const reopen = listen({ onVerdict, onStatus, onLink: (up) => (up ? heard() : lose()) });
// A connection that hangs gives no error: silence is the sign.
setInterval(() => {
  if (state.link === "up" && performance.now() - state.lastHeardTick > LOST_AFTER_MS) {
    lose();
    reopen();
  }
  if (refillWanted && performance.now() > refillAfter) void refill();
  render();
}, ROUND_MS);
