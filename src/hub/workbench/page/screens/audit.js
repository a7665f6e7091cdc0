import { get } from "../api.js";
import { button, make } from "../dom.js";
import { pageHead, table } from "../figures.js";
import { dayTimeText } from "../format.js";
import { empty, fill } from "../states.js";
import { attempt } from "../toast.js";
import { words } from "../texts-analysis.js";

const { audit: text } = words;
const PAGE = 100;

const detailText = (detail) =>
  Object.entries(detail)
    .map(([key, value]) => `${key}: ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");

const rowOf = ({ at, actor, action, subject, detail }) => ({
  cells: [
    dayTimeText(at),
    make("strong", { textContent: actor }),
    action,
    subject,
    make("small", { className: "wrap", textContent: detailText(detail) }),
  ],
});

async function build() {
  const entries = [];
  const { columns: name } = text;
  const columns = [
    ["at", name.at],
    ["actor", name.actor],
    ["action", name.action],
    ["subject", name.subject],
    ["detail", name.detail],
  ];
  const list = make("section", { className: "panel" });
  let next;
  const more = async () => {
    const page = await get("audit", { limit: PAGE, beforeRow: next });
    entries.push(...page.entries);
    next = page.nextBeforeRow;
    const parts =
      entries.length === 0
        ? [empty({ title: text.emptyTitle, text: text.emptyText })]
        : [table(text.title, columns, entries.map(rowOf))];
    if (next !== null)
      parts.push(
        make("div", { className: "padded centred" }, button({ text: text.more, onclick: () => void attempt(more) })),
      );
    list.replaceChildren(...parts);
  };
  await more();
  return make("div", { className: "page" }, pageHead(text.title, text.text), list);
}

export function showAudit(main) {
  void fill(main, build);
}
