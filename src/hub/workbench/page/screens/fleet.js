import { get, post } from "../api.js";
import { button, make } from "../dom.js";
import { bigFigure, bigFigures, pageHead, panel, table } from "../figures.js";
import { agoText, countText, dayTimeText, NO_FIGURE } from "../format.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { modelWords } from "../texts-models.js";

const { fleet: text } = modelWords;
const POLL_MS = 5000;

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

async function build(main, workbench) {
  const { active, devices } = await get("fleet", { project: workbench.project.id });
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
