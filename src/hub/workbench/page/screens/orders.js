import { get, patch } from "../api.js";
import { button, make } from "../dom.js";
import { pageHead, table } from "../figures.js";
import { countText, dayText, percentText, pointsRange, pointsText } from "../format.js";
import { askWorkOrder } from "../order-dialog.js";
import { addressOf } from "../router.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { words } from "../texts-analysis.js";

const { orders: text } = words;

const collecting = ({ wanted, devices, until }) =>
  text.collecting(countText(wanted), devices.length === 0 ? text.allDevices : devices.join(", "), dayText(until));

function titleCell(order, tags) {
  const tag = tags.find(({ id }) => id === order.tagId);
  const notes = [order.samplingRule === null ? "" : collecting(order.samplingRule), order.detail].filter(Boolean);
  return make(
    "div",
    { className: "order-title" },
    make("strong", { textContent: order.title }),
    tag &&
      make(
        "span",
        { className: "chip", style: { "--tag": tag.colour } },
        make("i", { className: "swatch" }),
        make("span", { textContent: tag.name }),
      ),
    ...notes.map((note) => make("small", { textContent: note })),
  );
}

/** What happened to the error rate since, with its interval: not proof that the order was the cause. */
function measuredCell({ measured }) {
  if (measured === null) return make("small", { textContent: text.waiting });
  const { before, after, change } = measured;
  const kind = change.interval.high < 0 ? "better" : change.interval.low > 0 ? "worse" : "";
  return make(
    "div",
    { className: `measured ${kind}` },
    make("strong", { textContent: pointsText(-change.difference) }),
    make("small", {
      textContent: pointsRange({ low: -change.interval.high, high: -change.interval.low }),
      title: `${percentText(before.errorRate.share)} → ${percentText(after.errorRate.share)}`,
    }),
    make("small", { textContent: text.versions(before.modelVersion, after.modelVersion) }),
  );
}

function actsCell(order, change) {
  const act = (words_, status, kind = "quiet") =>
    button({ text: words_, kind, onclick: () => change(order.id, { status }) });
  return make(
    "div",
    { className: "row-acts" },
    ...(order.status === "open"
      ? [act(text.finish, "done", ""), act(text.drop, "dropped")]
      : [act(text.reopen, "open")]),
  );
}

async function build(main, workbench) {
  const [{ orders }, tags] = await Promise.all([
    get("work-orders", { project: workbench.project.id }),
    workbench.tags(),
  ]);
  const again = () => void fill(main, () => build(main, workbench));
  const open = async () => {
    if (await askWorkOrder(workbench, {})) again();
  };
  const may = workbench.may("engineer");
  const head = pageHead(
    text.title,
    text.text,
    may && button({ text: text.new, glyph: "glyph-plus", kind: "primary", onclick: () => void attempt(open) }),
  );
  if (orders.length === 0) {
    const action = make("a", { className: "button", href: addressOf("errors"), textContent: text.toErrors });
    return make(
      "div",
      { className: "page" },
      head,
      make("section", { className: "panel" }, empty({ title: text.emptyTitle, text: text.emptyText, action })),
    );
  }
  const change = (id, fields) => void attempt(async () => (await patch(`work-orders/${id}`, fields), again()));
  const { columns: name } = text;
  const columns = [
    ["title", name.title],
    ["kind", name.kind],
    ["owner", name.owner],
    ["opened", name.opened],
    ["expected", name.expected, { number: true }],
    ["measured", name.measured, { number: true, hint: text.measuredHint }],
    ["state", name.state],
    ...(may ? [["act", ""]] : []),
  ];
  const rows = orders.map((order) => ({
    className: order.status === "open" ? "" : "closed",
    cells: [
      titleCell(order, tags),
      text.kinds[order.kind],
      order.owner === "" ? "–" : order.owner,
      dayText(order.createdAt),
      order.expectedGain === null ? "–" : pointsText(order.expectedGain, 2),
      measuredCell(order),
      make("span", { className: `state-chip ${order.status}`, textContent: text.states[order.status] ?? order.status }),
      ...(may ? [actsCell(order, change)] : []),
    ],
  }));
  return make(
    "div",
    { className: "page" },
    head,
    make("section", { className: "panel" }, table(text.title, columns, rows)),
  );
}

export function showOrders(main, workbench) {
  void fill(main, () => build(main, workbench));
}
