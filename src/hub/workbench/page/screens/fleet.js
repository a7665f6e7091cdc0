import { get, post } from "../api.js";
import { button, make } from "../dom.js";
import { bigFigure, bigFigures, pageHead, panel, shareBar, table } from "../figures.js";
import { agoText, countText, dayTimeText, NO_FIGURE, percentText } from "../format.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { modelWords } from "../texts-models.js";

const { fleet: text } = modelWords;
const POLL_MS = 5000;
/** Thousands of verdicts are read for it, and it changes slowly. */
const HEALTH_MS = 60_000;

let kept = null;

function newestHealth(project) {
  const now = Date.now();
  if (kept !== null && kept.project === project && now - kept.at < HEALTH_MS) return kept.reply;
  const reply = get("line-health", { project });
  kept = { project, at: now, reply };
  reply.catch(() => (kept = null));
  return reply;
}

function runsCell({ report, asOrdered }) {
  if (report === null) return make("span", { className: "hint", textContent: text.unknown });
  const { name, version, sha256 } = report.active;
  return make(
    "div",
    { className: "order-title" },
    make("strong", { textContent: `${name} ${version}`, title: sha256 }),
    !asOrdered && make("small", { className: "warn", textContent: text.other }),
  );
}

function triesCell({ report }) {
  const candidate = report?.candidate ?? null;
  if (candidate === null) return NO_FIGURE;
  const { name, version, phase, parts, disagreements, note } = candidate;
  return make(
    "div",
    { className: "order-title" },
    make("strong", { textContent: `${name} ${version}` }),
    make("small", {
      textContent: text.candidate(text.phases[phase], countText(parts), countText(disagreements)),
      title: note,
    }),
  );
}

function alarmsPanel(workbench, devices, again) {
  const alarms = devices
    .flatMap(({ alarms: own }) => own)
    .toSorted(
      (one, other) =>
        Number(one.seenAt !== null) - Number(other.seenAt !== null) || Date.parse(other.at) - Date.parse(one.at),
    )
    .slice(0, 40);
  const seen = (row) => void attempt(async () => (await post(`drift-alarms/${row}/seen`), again()));
  const items = alarms.map((alarm) =>
    make(
      "li",
      { className: alarm.seenAt === null ? "open" : "seen" },
      make(
        "div",
        {},
        make("strong", { textContent: alarm.device }),
        make("small", { textContent: dayTimeText(Date.parse(alarm.at)) }),
      ),
      make("p", { textContent: alarm.sentence }),
      alarm.seenAt !== null
        ? make("small", { textContent: text.seenBy(alarm.seenBy, dayTimeText(alarm.seenAt)) })
        : workbench.may("labeller") && button({ text: text.seen, onclick: () => seen(alarm.row) }),
    ),
  );
  const content =
    items.length === 0
      ? make("p", { className: "padded hint", textContent: text.noAlarms })
      : make("ul", { className: "alarms padded" }, ...items);
  return panel(text.alarmsTitle, text.alarmsText, content);
}

/** Expected and counted errors of each line side by side, on one scale. */
function healthPanel(lines) {
  const { healthColumns: name } = text;
  const shares = lines.flatMap(({ labelFree, audited }) =>
    [labelFree, audited].flatMap((each) => (each === null ? [] : [each.escapes, each.overkill])),
  );
  const scale = Math.max(0.05, ...shares.filter(({ trials }) => trials > 0).map(({ interval }) => interval.high));
  const columns = [
    ["device", name.device],
    ["escapesExpected", name.escapesExpected],
    ["escapesCounted", name.escapesCounted],
    ["overkillExpected", name.overkillExpected],
    ["overkillCounted", name.overkillCounted],
    ["changed", name.changed],
  ];
  const bar = (estimate, kind) =>
    estimate === null ? NO_FIGURE : shareBar(estimate[kind], { scale, kind: kind === "escapes" ? "escape" : kind });
  const rows = lines.map(({ device, labelFree, audited, sentence }) => ({
    cells: [
      make(
        "div",
        { className: "order-title" },
        make("strong", { textContent: device }),
        make("small", {
          textContent: text.healthParts(countText(labelFree?.parts ?? 0), countText(audited?.parts ?? 0)),
        }),
      ),
      bar(labelFree, "escapes"),
      bar(audited, "escapes"),
      bar(labelFree, "overkill"),
      bar(audited, "overkill"),
      make("span", {
        className: audited?.scoresAgree === false ? "wrap why warn" : "wrap why",
        textContent: sentence,
      }),
    ],
  }));
  const changes = lines.map(({ device, features }) => changedFeatures(device, features)).filter(Boolean);
  return panel(text.healthTitle, text.healthText, make("div", {}, table(text.healthTitle, columns, rows), ...changes));
}

/** Devices whose changes are unfolded: the page is built anew every few seconds. */
const opened = new Set();

function changedFeatures(device, features) {
  const changed = features.filter((feature) => feature.changed);
  if (changed.length === 0) return false;
  const { featuresColumns: name } = text;
  const columns = [
    ["feature", name.feature],
    ["before", name.before, { number: true }],
    ["now", name.now, { number: true }],
    ["effect", name.effect, { number: true }],
    ["p", name.p, { number: true }],
  ];
  const figure = (kind, value) => (kind === "share" ? percentText(value) : value.toPrecision(3));
  const rows = changed.map(({ feature, kind, before, now, effect, adjustedP }) => ({
    cells: [
      feature,
      figure(kind, before),
      figure(kind, now),
      effect.toFixed(2),
      adjustedP < 0.0001 ? "< 0.0001" : adjustedP.toFixed(4),
    ],
  }));
  const toggle = ({ target }) => (target.open ? opened.add(device) : opened.delete(device));
  return make(
    "details",
    { open: opened.has(device), ontoggle: toggle },
    make("summary", { className: "padded", textContent: text.featuresTitle(device) }),
    table(text.featuresTitle(device), columns, rows),
  );
}

async function build(main, workbench) {
  const project = workbench.project.id;
  const [{ active, devices }, { lines }] = await Promise.all([get("fleet", { project }), newestHealth(project)]);
  const again = () => void fill(main, () => build(main, workbench));
  const head = pageHead(text.title, text.text);
  if (devices.length === 0) {
    const nothing = empty({ title: text.emptyTitle, text: text.emptyText });
    return make("div", { className: "page" }, head, make("section", { className: "panel" }, nothing));
  }
  const openOf = ({ alarms }) => alarms.filter(({ seenAt }) => seenAt === null);
  const now = Date.now();
  const { columns: name } = text;
  const columns = [
    ["device", name.device],
    ["runs", name.runs],
    ["tries", name.tries],
    ["why", name.why],
    ["alarms", name.alarms],
    ["seen", name.seen],
  ];
  const rows = devices.map((device) => {
    const open = openOf(device);
    return {
      cells: [
        make(
          "div",
          { className: "order-title" },
          make("strong", { textContent: device.id }),
          device.line !== "" && make("small", { textContent: device.line }),
        ),
        runsCell(device),
        triesCell(device),
        make("span", { className: "wrap why", textContent: device.why }),
        open.length === 0
          ? text.none
          : make("span", {
              className: "state-chip called",
              textContent: countText(open.length),
              title: open[0].sentence,
            }),
        make("span", { textContent: agoText(device.reportAt, now), title: dayTimeText(device.reportAt) }),
      ],
    };
  });
  return make(
    "div",
    { className: "page" },
    head,
    bigFigures(
      bigFigure(text.active, active === null ? NO_FIGURE : `${active.name} ${active.version}`),
      bigFigure(text.devices, countText(devices.length)),
      bigFigure(text.asOrdered, countText(devices.filter(({ asOrdered }) => asOrdered).length)),
      bigFigure(text.alarms, countText(devices.flatMap(openOf).length)),
    ),
    make("section", { className: "panel" }, table(text.title, columns, rows)),
    healthPanel(lines),
    alarmsPanel(workbench, devices, again),
  );
}

export function showFleet(main, workbench) {
  void fill(main, () => build(main, workbench));
  const timer = setInterval(() => {
    void build(main, workbench)
      .then((page) => main.isConnected && main.replaceChildren(page))
      .catch(() => undefined);
  }, POLL_MS);
  return () => clearInterval(timer);
}
