import { get, imageUrl } from "../api.js";
import { queryOfFilter } from "../case-filter.js";
import { button, make } from "../dom.js";
import { pageHead, panel, shareBar, table } from "../figures.js";
import { countText, numbered, percentText, pointsRange, pointsText } from "../format.js";
import { askWorkOrder } from "../order-dialog.js";
import { addressOf, go } from "../router.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { words } from "../texts-analysis.js";

const { slices: text } = words;
const SHOWN_EXAMPLES = 10;

const nameOf = (conditions) => conditions.map(({ key, value }) => `${key} ${value}`).join(text.and);

/** The gallery's filter for a slice; null where a condition is no value that can be filtered by. */
function filterOf(conditions) {
  const filter = { errorsOnly: true, metadata: {} };
  for (const { key, value } of conditions) {
    if (/^(up to|above) /.test(value)) return null;
    if (key === "device") filter.devices = [value];
    else if (key === "line") filter.lines = [value];
    else filter.metadata[key] = value;
  }
  return queryOfFilter(filter);
}

function conditionCell(slice) {
  const filter = filterOf(slice.conditions);
  return make(
    "div",
    { className: "order-title" },
    make(
      "span",
      { className: "conditions" },
      ...slice.conditions.map(({ key, value }) =>
        make("span", { className: "chip" }, make("small", { textContent: key }), make("b", { textContent: value })),
      ),
    ),
    filter !== null && make("a", { href: addressOf("cases", "", { filter }), textContent: text.show }),
  );
}

function checkCell({ confirmed, explainedBy, checkQ }) {
  const word = !confirmed
    ? text.notConfirmed
    : explainedBy === null
      ? text.confirmed
      : text.explained(nameOf(explainedBy));
  return make(
    "div",
    { className: "measured" },
    make("span", {
      className: `state-chip ${confirmed && explainedBy === null ? "done" : "dropped"}`,
      textContent: word,
    }),
    make("small", { textContent: `q ${checkQ < 0.001 ? "< 0.001" : checkQ.toFixed(3)}` }),
  );
}

const difference = ({ difference: value, interval }) => [
  make("span", { textContent: pointsText(value) }),
  make("small", { className: "below", textContent: pointsRange(interval) }),
];

function metadataTable(workbench, { slices }) {
  const { columns: name } = text;
  const scale = Math.max(0.05, ...slices.map(({ inside }) => inside.interval.high));
  const may = workbench.may("engineer");
  const columns = [
    ["slice", name.slice],
    ["rate", name.rate],
    ["outside", name.outside],
    ["effect", name.effect, { number: true }],
    ["support", name.support, { number: true }],
    ["share", name.share, { number: true }],
    ["gain", name.gain, { number: true }],
    ["check", name.check],
    ...(may ? [["act", ""]] : []),
  ];
  const rows = slices.map((slice) => ({
    className: slice.confirmed ? "" : "closed",
    cells: [
      conditionCell(slice),
      shareBar(slice.inside, { scale, kind: "strong" }),
      shareBar(slice.outside, { scale }),
      difference(slice.effect),
      [
        make("span", { textContent: countText(slice.items) }),
        make("small", { className: "below", textContent: numbered(slice.errors, "error") }),
      ],
      percentText(slice.shareOfErrors, 0),
      pointsText(slice.gain),
      checkCell(slice),
      ...(may
        ? [
            button({
              text: words.errors.order,
              glyph: "glyph-plus",
              kind: "quiet",
              onclick: () => order(workbench, slice),
            }),
          ]
        : []),
    ],
  }));
  return table(text.metadata, columns, rows);
}

function order(workbench, slice) {
  void attempt(async () => {
    const name = nameOf(slice.conditions);
    const detail = `${name}: ${percentText(slice.inside.share)} wrong, elsewhere ${percentText(slice.outside.share)}.`;
    if (
      await askWorkOrder(workbench, { gain: Math.max(0, slice.gain), kind: "camera", title: `Slice ${name}`, detail })
    )
      go("orders");
  });
}

function clusterCard(slice) {
  const { inside, outside, items, errors, sheet = [], confirmed } = slice;
  return make(
    "article",
    { className: "cluster" },
    make(
      "div",
      { className: "cluster-head" },
      make("h3", { textContent: nameOf(slice.conditions) }),
      make("span", {
        className: `state-chip ${confirmed ? "done" : "dropped"}`,
        textContent: confirmed ? text.confirmed : text.notConfirmed,
      }),
      make(
        "p",
        {},
        make("strong", { textContent: percentText(inside.share) }),
        ` wrong, elsewhere ${percentText(outside.share)}`,
      ),
      make("small", { textContent: `${countText(errors)} of ${countText(items)} cases` }),
    ),
    make(
      "ul",
      { className: "sheet" },
      ...sheet
        .slice(0, SHOWN_EXAMPLES)
        .map(({ id, wrong }) =>
          make(
            "li",
            { className: wrong ? "wrong" : "" },
            make(
              "a",
              { href: addressOf("case", id) },
              make("img", { src: imageUrl(id, true), alt: wrong ? "Wrong example" : "Right example", loading: "lazy" }),
            ),
          ),
        ),
    ),
  );
}

async function build(workbench) {
  const { slices, clusters } = await get("slices", { project: workbench.project.id });
  const head = pageHead(text.title, text.text);
  if (slices.tried === 0)
    return make(
      "div",
      { className: "page" },
      head,
      make("section", { className: "panel" }, empty({ title: text.emptyTitle, text: text.emptyText })),
    );
  const none = make("p", { className: "padded hint", textContent: text.none });
  const cards = clusters === null ? [] : clusters.slices.map(clusterCard);
  const byCluster =
    clusters === null
      ? make("p", { className: "padded hint", textContent: text.noClusters })
      : cards.length === 0
        ? none.cloneNode(true)
        : make("div", { className: "clusters padded" }, ...cards);
  return make(
    "div",
    { className: "page" },
    head,
    panel(
      text.metadata,
      text.tried(countText(slices.tried)),
      slices.slices.length === 0 ? none : metadataTable(workbench, slices),
    ),
    panel(text.clusters, text.clustersText, byCluster),
  );
}

export function showSlices(main, workbench) {
  void fill(main, () => build(workbench), text.working);
}
