import { get, patch, post } from "../api.js";
import { openDialog } from "../dialog.js";
import { button, field, make, select } from "../dom.js";
import { pageHead, table } from "../figures.js";
import { dayText } from "../format.js";
import { fill } from "../states.js";
import { attempt, toast } from "../toast.js";
import { texts } from "../texts.js";
import { words } from "../texts-analysis.js";

const { people: text } = words;
const ROLES = ["viewer", "labeller", "engineer", "admin"];

const roleOptions = ROLES.map((role) => [role, `${texts.roles[role]}: ${text.means[role]}`]);

async function add() {
  const fields = await openDialog({
    title: text.add,
    body: [
      field(
        text.name,
        make("input", { name: "name", autofocus: true, maxLength: 64, spellcheck: false, autocomplete: "off" }),
      ),
      field(text.role, select("role", roleOptions, "labeller")),
      field(
        text.password,
        make("input", { name: "password", type: "password", autocomplete: "new-password" }),
        text.passwordHint,
      ),
    ],
    yes: text.add,
    check: async ({ name, role, password }) => {
      await post("users", { name: name.trim(), role, password });
      return null;
    },
  });
  if (fields !== null) toast(text.created(fields.name.trim()));
  return fields !== null;
}

async function reset(name) {
  const fields = await openDialog({
    title: `${text.reset}: ${name}`,
    body: [
      field(
        text.password,
        make("input", { name: "password", type: "password", autofocus: true, autocomplete: "new-password" }),
        text.passwordHint,
      ),
    ],
    yes: text.reset,
    check: async ({ password }) => {
      await patch(`users/${encodeURIComponent(name)}`, { password });
      return null;
    },
  });
  if (fields !== null) toast(text.changed(name));
}

async function build(main, workbench) {
  const { users } = await get("users");
  const again = () => void fill(main, () => build(main, workbench));
  const change = (name, fields) =>
    void attempt(
      async () => (await patch(`users/${encodeURIComponent(name)}`, fields), toast(text.changed(name))),
    ).then(again);
  const { columns: name } = text;
  const columns = [
    ["name", name.name],
    ["role", name.role],
    ["since", name.since],
    ["way", name.way],
    ["state", name.state],
    ["act", ""],
  ];
  const rows = users.map((user) => ({
    className: user.disabledAt === null ? "" : "closed",
    cells: [
      make("strong", { textContent: user.name }),
      select(
        "role",
        ROLES.map((role) => [role, texts.roles[role]]),
        user.role,
        {
          ariaLabel: text.roleOf(user.name),
          disabled: user.openId,
          onchange: (event) => change(user.name, { role: event.target.value }),
        },
      ),
      dayText(user.createdAt),
      user.openId ? text.ways.openId : text.ways.password,
      make("span", {
        className: `state-chip ${user.disabledAt === null ? "done" : "dropped"}`,
        textContent: user.disabledAt === null ? text.active : text.locked,
      }),
      make(
        "div",
        { className: "row-acts" },
        !user.openId &&
          button({ text: text.reset, kind: "quiet", onclick: () => void attempt(() => reset(user.name)) }),
        user.name !== workbench.session.user &&
          button({
            text: user.disabledAt === null ? text.lock : text.unlock,
            kind: "quiet",
            onclick: () => change(user.name, { disabled: user.disabledAt === null }),
          }),
      ),
    ],
  }));
  const addButton = button({
    text: text.add,
    glyph: "glyph-plus",
    kind: "primary",
    onclick: () => void attempt(async () => (await add()) && again()),
  });
  return make(
    "div",
    { className: "page" },
    pageHead(text.title, text.text, addButton),
    make("section", { className: "panel" }, table(text.title, columns, rows)),
  );
}

export function showPeople(main, workbench) {
  void fill(main, () => build(main, workbench));
}
