import { byId, icon, make, replaceWhen, setAttribute, setText } from "./dom.js";
import {
  ageText,
  deviceLevel,
  faceOf,
  findingOf,
  groupFaults,
  KINDS,
  lampsOf,
  percentText,
  sharesOf,
  unseenFaults,
} from "./model.js";
import { texts } from "./texts.js";

const SHOWN_PARTS = 60;
const PASS_ANNOUNCED_EVERY_MS = 10_000;
const OTHERS_ANNOUNCED_EVERY_MS = 3_000;
const timeText = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortTimeText = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });
const numberText = new Intl.NumberFormat(undefined);
const timeOf = (iso) => timeText.format(Date.parse(iso));

/** Speaks to screen readers, seldom enough to be listened to. */
export class Announcer {
  #lastAt = Number.NEGATIVE_INFINITY;

  say(text) {
    setText(byId("announce"), text);
  }

  verdict(verdict) {
    const everyMs = verdict.verdict === "pass" ? PASS_ANNOUNCED_EVERY_MS : OTHERS_ANNOUNCED_EVERY_MS;
    if (performance.now() - this.#lastAt < everyMs) return;
    this.#lastAt = performance.now();
    const finding = verdict.verdict === "pass" ? "" : findingOf(verdict);
    this.say(texts.announce(verdict.part, texts.verdicts[verdict.verdict], finding));
  }
}

const ICONS = { starting: "waiting", connecting: "waiting" };
const isVerdict = (face) => KINDS.includes(face);

function findingText(face, { shown, status }) {
  if (isVerdict(face)) return findingOf(shown);
  if (face === "waiting") return shown === null ? texts.waitingForFirst : texts.waitingForNext;
  if (face === "starting" || face === "stopped") return status.problems[0]?.sentence ?? texts[`${face}Finding`];
  return texts[`${face}Finding`];
}

function whichText(face, { shown, lastHeardAt, nowMs, aheadMs }) {
  if (face === "lost") return texts.lostSince(timeText.format(lastHeardAt), ageText(nowMs - lastHeardAt));
  if (shown === null || face === "connecting") return "";
  const time = timeOf(shown.decidedAt);
  if (!isVerdict(face)) return texts.lastWas(shown.part, texts.verdicts[shown.verdict], time);
  return texts.partLine(shown.part, time, ageText(nowMs - aheadMs - Date.parse(shown.decidedAt)));
}

function renderGauge(face, { shown, status }) {
  const visible = isVerdict(face) && shown.score !== null;
  byId("gauge").hidden = !visible;
  if (!visible) return;
  byId("gauge-needle").style.left = `${shown.score * 100}%`;
  setText(byId("gauge-value"), percentText(shown.score * 100));
  const { passBelow, rejectFrom } = status.decision ?? { passBelow: 0, rejectFrom: 0 };
  const zone = byId("gauge-zone");
  zone.style.left = `${passBelow * 100}%`;
  zone.style.width = `${(rejectFrom - passBelow) * 100}%`;
  setAttribute(byId("gauge"), "title", texts.ngLimits(percentText(passBelow * 100), percentText(rejectFrom * 100)));
}

export function renderFace(view) {
  const { link, status, shown, selected, nowMs, aheadMs, lastHeardAt } = view;
  const ageMs = shown === null ? 0 : nowMs - aheadMs - Date.parse(shown.decidedAt);
  const face = faceOf({ link, status, shown, ageMs });
  const element = byId("face");
  setAttribute(element, "data-kind", face);
  setAttribute(byId("call-icon"), "href", `#icon-${ICONS[face] ?? face}`);
  setText(byId("call-word"), texts.calls[face]);
  setText(byId("finding"), findingText(face, view));
  setText(byId("todo"), face === "fault" ? (texts.faults[shown.reason]?.todo ?? "") : "");
  setText(byId("which"), whichText(face, view));
  renderGauge(face, view);
  const target = selected ?? shown;
  setText(
    byId("acts-on"),
    target === null
      ? texts.actsOnNothing
      : selected === null
        ? texts.actsOnLatest(target.part)
        : texts.actsOnSelected(target.part),
  );
  for (const id of ["flag", "override"]) byId(id).disabled = target === null || link !== "up";
  const banner = byId("banner");
  banner.hidden = link !== "lost";
  setText(banner, link === "lost" ? texts.banner(timeText.format(lastHeardAt)) : "");
  setText(byId("clock"), timeText.format(nowMs));
}

function chipOf(verdict, open) {
  const chip = make(
    "button",
    { type: "button" },
    icon(`icon-${verdict.verdict}`),
    make("span", { textContent: verdict.part }),
    make("small", { textContent: timeOf(verdict.decidedAt) }),
  );
  chip.dataset.id = verdict.id;
  chip.dataset.kind = verdict.verdict;
  const said = texts.announce(verdict.part, texts.verdicts[verdict.verdict], findingOf(verdict));
  chip.setAttribute("aria-label", `${said}, ${timeOf(verdict.decidedAt)}`);
  chip.addEventListener("click", () => open(verdict));
  return make("li", {}, chip);
}

/** Newest first. Chips are kept by id, so that the focus stays where it is while new parts come in. */
export function renderParts({ verdicts, selectedId }, select, open) {
  const list = byId("parts");
  const wanted = verdicts.slice(0, SHOWN_PARTS);
  const items = new Map([...list.children].map((item) => [item.firstChild.dataset.id, item]));
  const wantedIds = new Set(wanted.map((verdict) => verdict.id));
  for (const [id, item] of items) if (!wantedIds.has(id)) item.remove();
  wanted.forEach((verdict, index) => {
    const item = items.get(verdict.id) ?? chipOf(verdict, open);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  const current = wantedIds.has(selectedId) ? selectedId : wanted[0]?.id;
  for (const { firstChild: chip } of list.children) {
    setAttribute(chip, "tabindex", chip.dataset.id === current ? "0" : "-1");
    setAttribute(chip, "aria-current", String(chip.dataset.id === selectedId));
  }
}

const problemItem =
  (openDrift) =>
  ({ sentence, code }) => {
    const said = [make("strong", { textContent: sentence }), make("small", { textContent: code })];
    if (code === "drift")
      said.push(make("button", { type: "button", textContent: texts.driftButton, onclick: openDrift }));
    return make("li", { className: "problem" }, icon("lamp-bad"), make("div", {}, ...said));
  };

function faultItem(group) {
  const { sentence, todo } = texts.faults[group.reason] ?? { sentence: group.reason, todo: "" };
  const { times, lastSeen } = texts.attention;
  return make(
    "li",
    { className: "fault" },
    icon("lamp-warn"),
    make(
      "div",
      {},
      make(
        "strong",
        { textContent: `${sentence} ` },
        make("b", { textContent: times(numberText.format(group.count)) }),
      ),
      make("span", {}, make("em", { textContent: texts.attention.todo }), ` ${todo}`),
      make("small", { textContent: lastSeen(timeText.format(group.atMs), group.part) }),
    ),
  );
}

const unseenItem = (count) =>
  make("li", { className: "fault" }, icon("lamp-warn"), make("div", { textContent: texts.attention.unseen(count) }));

const calmItem = (link, text) =>
  make("li", { className: "calm" }, icon(link === "up" ? "lamp-ok" : "lamp-off"), make("div", { textContent: text }));

export function renderAttention({ link, status, faults, nowMs, aheadMs }, openDrift) {
  const deviceNowMs = nowMs - aheadMs;
  const problems = status?.problems ?? [];
  const groups = groupFaults(faults, deviceNowMs);
  const unseen = unseenFaults(status?.history ?? [], groups, deviceNowMs);
  const nothing = link === "up" ? texts.nothingWrong : texts.nothingKnown;
  replaceWhen(byId("attention"), JSON.stringify([problems, groups, unseen, nothing]), () => {
    const items = [...problems.map(problemItem(openDrift)), ...groups.map(faultItem)];
    if (unseen > 0) items.push(unseenItem(unseen));
    return items.length > 0 ? items : [calmItem(link, nothing)];
  });
}

function renderTop({ status, link }) {
  const place = status.line === "" ? status.device : status.line;
  setText(byId("line-name"), place);
  setText(byId("device-name"), status.line === "" ? "" : status.device);
  const state = link === "up" ? status.state : "lost";
  const lamp = byId("device-state");
  setAttribute(lamp, "data-level", link === "up" ? deviceLevel(status.state) : "off");
  setAttribute(lamp.querySelector("use"), "href", `#lamp-${lamp.dataset.level}`);
  setText(lamp.querySelector("span"), texts.deviceStates[state]);
  document.title = `${texts.deviceStates[state]} · ${place}`;
  const choice = byId("recipe");
  choice.disabled = link !== "up" || status.recipes.length === 0;
  const shown = JSON.stringify([status.recipes, status.recipe]);
  replaceWhen(choice, shown, () => {
    const options = status.recipes.map((recipe) =>
      make("option", { value: recipe, textContent: recipe, selected: recipe === status.recipe }),
    );
    return status.recipe === null
      ? [make("option", { value: "", textContent: texts.noRecipe, selected: true }), ...options]
      : options;
  });
}

function renderYield({ status }) {
  const shares = sharesOf(status.counts);
  setText(byId("yield-value"), percentText(shares?.pass ?? null));
  setText(byId("since"), texts.since(shortTimeText.format(Date.parse(status.startedAt))));
  replaceWhen(byId("counts"), JSON.stringify(status.counts), () =>
    KINDS.map((kind) => {
      const term = make("dt", {}, icon(`icon-${kind}`), texts.calls[kind]);
      const figures = make(
        "dd",
        { textContent: numberText.format(status.counts[kind]) },
        make("small", { textContent: percentText(shares?.[kind] ?? null) }),
      );
      return make("div", { className: kind }, term, figures);
    }),
  );
}

function renderSystem({ status, link }) {
  const lamps = lampsOf(status);
  replaceWhen(byId("lamps"), JSON.stringify([lamps, link]), () =>
    lamps.map(({ key, level, word, details }) => {
      const shown = link === "up" ? level : "off";
      const text = make(
        "div",
        {},
        make("strong", { textContent: word }),
        ...details.map((detail) => make("small", { textContent: detail })),
      );
      const item = make("li", {}, icon(`lamp-${shown}`), make("span", { textContent: texts.lamps[key] }), text);
      item.dataset.level = shown;
      return item;
    }),
  );
  const { latencyMs, camera, pendingTriggers } = status;
  const ms = (value) => (value === undefined ? texts.noFigure : texts.ms(value.toFixed(value < 100 ? 1 : 0)));
  const figures = {
    frameRate: camera.framesPerSecond.toFixed(1),
    p50: ms(latencyMs?.p50),
    p95: ms(latencyMs?.p95),
    p99: ms(latencyMs?.p99),
    pending: numberText.format(pendingTriggers),
  };
  replaceWhen(byId("meters"), JSON.stringify(figures), () =>
    Object.entries(figures).map(([key, figure]) =>
      make("div", {}, make("dt", { textContent: texts.meters[key] }), make("dd", { textContent: figure })),
    ),
  );
}

/** Everything that comes from the status. */
export function renderStatus(view) {
  renderTop(view);
  renderYield(view);
  renderSystem(view);
  setText(byId("about"), texts.about(view.status.version, view.status.device));
}
