import { get, post } from "./api.js";
import { openDialog } from "./dialog.js";
import { field, icon, make, select } from "./dom.js";
import { toast } from "./toast.js";
import { modelWords } from "./texts-models.js";

const { releases: text } = modelWords;
const LEAST_REASON = 10;

/** Gates as a list, each with its sentence. */
export const gateList = (gates) =>
  make(
    "ul",
    { className: "gates" },
    ...gates.map(({ name, passed, sentence }) =>
      make(
        "li",
        { className: passed ? "passed" : "closed" },
        icon(passed ? "lamp-ok" : "lamp-bad"),
        make("strong", { textContent: text.gateNames[name] }),
        make("span", { textContent: sentence }),
      ),
    ),
  );

const linesOf = (value) =>
  value
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

const number = (name, label, value, max) =>
  field(label, make("input", { name, type: "number", min: "0", max, value: String(value) }));

/** Hands a candidate to the catalogue. The release, or null where it was closed. */
export async function askRelease(workbench, models, chosen) {
  if (models.length === 0) return (toast(text.noModels, false), null);
  const gatesBox = make("div", { className: "collect", role: "status" });
  const override = field(
    text.override,
    make("textarea", { name: "override", rows: 2, maxLength: 500 }),
    text.overrideHint,
  );
  let open = false;
  let ticket = 0;
  const showGates = async (id) => {
    const own = ++ticket;
    const found = await get(`models/${id}/gates`);
    if (own !== ticket) return;
    open = found.open;
    gatesBox.replaceChildren(gateList(found.gates));
    override.hidden = open || !workbench.may("admin");
  };
  const first = models.some(({ id }) => id === chosen) ? chosen : models[0].id;
  await showGates(first);
  let release = null;
  await openDialog({
    title: text.new,
    wide: true,
    body: [
      field(
        text.model,
        select(
          "modelId",
          models.map(({ id, name, version }) => [id, `${name} ${version}`]),
          first,
          { onchange: (event) => void showGates(event.target.value) },
        ),
      ),
      make("h3", { textContent: text.gates }),
      gatesBox,
      override,
      field(text.reason, make("input", { name: "reason", maxLength: 500, autocomplete: "off" })),
      make(
        "div",
        { className: "columns-2" },
        field(text.lines, make("textarea", { name: "lines", rows: 2 }), text.linesHint),
        field(text.canaries, make("textarea", { name: "canaries", rows: 2 }), text.canariesHint),
        number("shadowParts", text.shadowParts, 200),
        number("maxDisagreement", text.maxDisagreement, 20, "100"),
        number("shadowMinutes", text.shadowMinutes, 10),
        number("canaryMinutes", text.canaryMinutes, 60),
      ),
      make(
        "label",
        { className: "check" },
        make("input", { type: "checkbox", name: "automatic", value: "yes", checked: true }),
        make("span", { textContent: text.automatic }),
      ),
    ],
    yes: text.handOver,
    check: async (fields) => {
      const why = (fields.override ?? "").trim();
      if (!open && !workbench.may("admin")) return text.blocked;
      if (!open && why.length < LEAST_REASON) return text.needsOverride;
      ({ release } = await post("releases", {
        modelId: fields.modelId,
        reason: fields.reason.trim(),
        lines: linesOf(fields.lines),
        canaries: linesOf(fields.canaries),
        automatic: fields.automatic === "yes",
        override: open ? null : why,
        criteria: {
          shadowParts: Number(fields.shadowParts),
          maxDisagreement: Number(fields.maxDisagreement) / 100,
          shadowMinutes: Number(fields.shadowMinutes),
          canaryMinutes: Number(fields.canaryMinutes),
        },
      }));
      return null;
    },
  });
  if (release !== null) toast(text.handedOver);
  return release;
}

/** Asks why, before something that people will want to know the reason of. null: closed. */
export async function askReason(title, sentence, yes) {
  const fields = await openDialog({
    title,
    danger: true,
    body: [
      sentence && make("p", { textContent: sentence }),
      field(text.reason, make("textarea", { name: "reason", rows: 3, maxLength: 500, autofocus: true })),
    ].filter(Boolean),
    yes,
    check: ({ reason }) => (reason.trim().length < LEAST_REASON ? text.tooShort : null),
  });
  return fields === null ? null : fields.reason.trim();
}
