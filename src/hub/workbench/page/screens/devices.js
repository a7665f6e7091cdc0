import { get, post } from "../api.js";
import { confirm_, openDialog } from "../dialog.js";
import { button, field, make } from "../dom.js";
import { pageHead, table } from "../figures.js";
import { agoText, bytesText, countText, dayText, dayTimeText } from "../format.js";
import { empty, fill } from "../states.js";
import { attempt, toast } from "../toast.js";
import { texts } from "../texts.js";
import { words } from "../texts-analysis.js";

const { devices: text } = words;
const SILENT_AFTER_MS = 15 * 60_000;

async function enrol(workbench) {
  let made = null;
  const fields = await openDialog({
    title: text.enrol,
    body: [
      field(
        text.name,
        make("input", { name: "device", autofocus: true, maxLength: 64, spellcheck: false, autocomplete: "off" }),
        text.nameHint,
      ),
      make(
        "div",
        { className: "columns-2" },
        field(text.line, make("input", { name: "line", maxLength: 128 })),
        field(text.hours, make("input", { name: "hours", type: "number", min: "1", max: "720", value: "24" })),
      ),
    ],
    yes: text.make,
    check: async ({ device, line, hours }) => {
      if (device.trim() === "") return text.needsName;
      made = await post("devices/codes", {
        device: device.trim(),
        project: workbench.project.id,
        line: line.trim(),
        hours: Number(hours),
      });
      return null;
    },
  });
  if (fields !== null && made !== null) await showCode(fields.device.trim(), made);
}

function showCode(device, { code, expiresAt }) {
  const copy = () => attempt(async () => (await navigator.clipboard.writeText(code), toast(text.copied)));
  return openDialog({
    title: text.codeTitle,
    cancel: null,
    yes: texts.done,
    body: [
      make("p", { textContent: text.codeText(device, dayTimeText(expiresAt)) }),
      make(
        "p",
        { className: "code-line" },
        make("code", { textContent: code }),
        button({ text: text.copy, onclick: () => void copy() }),
      ),
    ],
  });
}

async function build(main, workbench) {
  const { devices } = await get("devices");
  const own = devices.filter(({ project }) => project === workbench.project.id);
  const again = () => void fill(main, () => build(main, workbench));
  const enrolButton =
    workbench.may("engineer") &&
    button({
      text: text.enrol,
      glyph: "glyph-plus",
      kind: "primary",
      onclick: () => void attempt(() => enrol(workbench)),
    });
  const head = pageHead(text.title, text.text, enrolButton);
  if (own.length === 0) {
    return make(
      "div",
      { className: "page" },
      head,
      make(
        "section",
        { className: "panel" },
        empty({ title: text.emptyTitle, text: workbench.may("engineer") ? text.emptyText : text.emptyTextViewer }),
      ),
    );
  }
  const revoke = (id) =>
    void attempt(async () => {
      if (!(await confirm_(text.revokeTitle(id), text.revokeText, text.revoke))) return;
      await post(`devices/${encodeURIComponent(id)}/revoke`);
      toast(text.revokeDone(id));
      again();
    });
  const now = Date.now();
  const state = ({ revokedAt, lastSeenAt }) => {
    if (revokedAt !== null) return ["dropped", text.revoked(dayText(revokedAt))];
    return lastSeenAt !== null && now - lastSeenAt < SILENT_AFTER_MS ? ["done", text.live] : ["open", text.silent];
  };
  const admin = workbench.may("admin");
  const { columns: name } = text;
  const columns = [
    ["device", name.device],
    ["line", name.line],
    ["seen", name.seen],
    ["enrolled", name.enrolled],
    ["limits", name.limits],
    ["state", name.state],
    ...(admin ? [["act", ""]] : []),
  ];
  const rows = own.map((device) => {
    const [kind, word] = state(device);
    return {
      className: device.revokedAt === null ? "" : "closed",
      cells: [
        make("strong", { textContent: device.id }),
        device.line,
        make("span", { textContent: agoText(device.lastSeenAt, now), title: dayTimeText(device.lastSeenAt) }),
        dayText(device.enrolledAt),
        text.limits(countText(device.dailyCases), bytesText(device.dailyBytes)),
        make("span", { className: `state-chip ${kind}`, textContent: word }),
        ...(admin
          ? [
              device.revokedAt === null
                ? button({ text: text.revoke, kind: "quiet danger", onclick: () => revoke(device.id) })
                : "",
            ]
          : []),
      ],
    };
  });
  return make(
    "div",
    { className: "page" },
    head,
    make("section", { className: "panel" }, table(text.title, columns, rows)),
  );
}

export function showDevices(main, workbench) {
  void fill(main, () => build(main, workbench));
}
