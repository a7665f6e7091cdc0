import { get, post } from "./api.js";
import { openDialog } from "./dialog.js";
import { field, make, select } from "./dom.js";
import { pointsText } from "./format.js";
import { toast } from "./toast.js";
import { texts } from "./texts.js";
import { words } from "./texts-analysis.js";

const { orders: text } = words;
const DAY_MS = 86_400_000;
const MOST_WANTED = 1_000_000;

const dayOf = (at) => new Date(at).toISOString().slice(0, 10);

/** Fields of a sampling rule, and how it is read from the form. */
function collectFields(devices) {
  const verdicts = Object.entries(texts.verdicts).map(([value, name]) =>
    make("label", { className: "check" }, make("input", { type: "checkbox", name: "verdicts", value }), name),
  );
  const boxes = devices.map(({ id, line }) =>
    make(
      "label",
      { className: "check" },
      make("input", { type: "checkbox", name: "devices", value: id }),
      make("span", {}, id, " ", make("small", { textContent: line })),
    ),
  );
  const group = (name, ...content) =>
    make(
      "fieldset",
      { className: "field" },
      make("legend", { className: "field-name", textContent: name }),
      ...content,
    );
  return make(
    "div",
    { className: "collect" },
    make(
      "div",
      { className: "columns-3" },
      field(
        text.wanted,
        make("input", { name: "wanted", type: "number", min: "1", max: String(MOST_WANTED), value: "500" }),
      ),
      field(
        text.rate,
        make("input", { name: "rate", type: "number", min: "0.1", max: "100", step: "0.1", value: "100" }),
      ),
      field(text.until, make("input", { name: "until", type: "date", value: dayOf(Date.now() + 14 * DAY_MS) })),
    ),
    group(
      text.devices,
      make("div", { className: "chips" }, ...(boxes.length > 0 ? boxes : [text.allDevices])),
      boxes.length > 0 && make("small", { textContent: `none ticked: ${text.allDevices}` }),
    ),
    make(
      "div",
      { className: "columns-2" },
      group(text.verdicts, make("div", { className: "chips" }, ...verdicts)),
      group(
        text.scores,
        make(
          "div",
          { className: "joined" },
          make("input", {
            name: "minScore",
            type: "number",
            min: "0",
            max: "1",
            step: "0.01",
            placeholder: "0",
            ariaLabel: `${text.scores}: from`,
            className: "short",
          }),
          make("input", {
            name: "maxScore",
            type: "number",
            min: "0",
            max: "1",
            step: "0.01",
            placeholder: "1",
            ariaLabel: `${text.scores}: to`,
            className: "short",
          }),
        ),
      ),
    ),
  );
}

/** A sentence where something is missing, else the rule. */
function ruleOf(fields, form) {
  const all = (name) => new FormData(form).getAll(name);
  const wanted = Number(fields.wanted);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_WANTED) return text.needsWanted;
  const rate = Number(fields.rate) / 100;
  if (!(rate >= 0.001 && rate <= 1)) return text.needsRate;
  const until = Date.parse(`${fields.until}T23:59:59`);
  if (!(until > Date.now())) return text.needsUntil;
  const where = {};
  if (all("verdicts").length > 0) where.verdicts = all("verdicts");
  if (fields.minScore !== "") where.minScore = Number(fields.minScore);
  if (fields.maxScore !== "") where.maxScore = Number(fields.maxScore);
  return { rate, wanted, until, where, devices: all("devices") };
}

/**
 * Asks for a work order and opens it. `tag` is one of the project's or null; `gain` the most it can bring (share of all
 * cases) or null; `kind`, `title` and `detail` are proposals. Gives whether one was opened.
 */
export async function askWorkOrder(workbench, { tag = null, gain = null, kind = "collect", title = "", detail = "" }) {
  const project = workbench.project.id;
  const { devices } = await get("devices");
  const own = devices.filter((each) => each.project === project && each.revokedAt === null);
  const collect = collectFields(own);
  const name = make("input", {
    name: "title",
    maxLength: 200,
    value: title || text.titleFor(text.kinds[kind], tag?.name ?? ""),
  });
  let touched = title !== "";
  name.addEventListener("input", () => (touched = true));
  const meaning = make("small", { textContent: text.means[kind] });
  const choice = select("kind", Object.entries(text.kinds), kind, { autofocus: true });
  const changed = () => {
    collect.hidden = choice.value !== "collect";
    meaning.textContent = text.means[choice.value];
    if (!touched) name.value = text.titleFor(text.kinds[choice.value], tag?.name ?? "");
  };
  choice.addEventListener("change", changed);
  changed();
  const expected = make("input", {
    name: "expected",
    type: "number",
    step: "0.01",
    min: "0",
    max: "100",
    value: gain === null ? "" : (gain * 50).toFixed(2),
  });
  const fields = await openDialog({
    title: tag === null ? text.new : text.newFor(tag.name),
    wide: true,
    body: [
      make(
        "div",
        { className: "columns-2" },
        make("div", {}, field(text.kind, choice), meaning),
        field(text.name, name),
      ),
      collect,
      field(text.detail, make("textarea", { name: "detail", rows: 3, maxLength: 10_000, value: detail })),
      make(
        "div",
        { className: "columns-2" },
        field(
          text.owner,
          make("input", { name: "owner", maxLength: 64, value: workbench.session.user, autocomplete: "off" }),
        ),
        field(`${text.gain}, ${text.gainUnit}`, expected, gain === null ? undefined : text.gainHint(pointsText(gain))),
      ),
    ],
    yes: text.save,
    check: async (given, form) => {
      if (given.title.trim() === "") return text.needsTitle;
      const samplingRule = given.kind === "collect" ? ruleOf(given, form) : null;
      if (typeof samplingRule === "string") return samplingRule;
      await post("work-orders", {
        project,
        tagId: tag?.id ?? null,
        kind: given.kind,
        title: given.title.trim(),
        detail: given.detail.trim(),
        owner: given.owner.trim(),
        expectedGain: given.expected === "" ? null : Number(given.expected) / 100,
        samplingRule,
      });
      return null;
    },
  });
  if (fields !== null) toast(fields.kind === "collect" ? text.savedCollect : text.saved);
  return fields !== null;
}
