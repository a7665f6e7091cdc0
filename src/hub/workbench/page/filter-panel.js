import { LISTS, withValue } from "./case-filter.js";
import { button, make } from "./dom.js";
import { inputOfTime, timeOfInput } from "./format.js";
import { texts } from "./texts.js";

const REASONS = Object.keys(texts.reasons);
const OPEN_FROM_START = new Set(["outcomes", "verdicts", "labels", "tags"]);

/** What each list offers: [value, text, colour]. */
const choicesOf = ({ project, tags, facets }) => ({
  outcomes: Object.entries(texts.outcomes).map(([value, text]) => [value, text]),
  verdicts: Object.entries(texts.verdicts).map(([value, text]) => [value, text]),
  classes: project.classes.map(({ name }) => [name, name]),
  labels: project.classes.map(({ name }) => [name, name]),
  tags: tags.map(({ id, name, colour }) => [id, name, colour]),
  reasons: REASONS.map((value) => [value, texts.reasons[value]]),
  devices: facets.devices.map((value) => [value, value]),
  lines: facets.lines.map((value) => [value, value]),
  models: facets.models.map((value) => [value, value]),
});

/** Every condition of a filter as a removable `[text, name, key]`. */
export function conditionsOf(filter, sources) {
  const choices = choicesOf(sources);
  const { names, is } = texts.filter;
  const conditions = LISTS.filter((name) => (filter[name] ?? []).length > 0).map((name) => {
    const words = filter[name].map((value) => choices[name].find(([each]) => each === value)?.[1] ?? String(value));
    return [is(names[name], words.join(", ")), name];
  });
  if (filter.labelled !== undefined) {
    conditions.push([filter.labelled ? texts.filter.labelledYes : texts.filter.labelledNo, "labelled"]);
  }
  if (filter.errorsOnly === true) conditions.push([texts.filter.errorsOnly, "errorsOnly"]);
  if (filter.part !== undefined) conditions.push([is(texts.filter.part, filter.part), "part"]);
  for (const name of ["from", "to"]) {
    if (filter[name] !== undefined)
      conditions.push([is(texts.filter[name], inputOfTime(filter[name]).replace("T", " ")), name]);
  }
  for (const [key, value] of Object.entries(filter.metadata ?? {})) conditions.push([is(key, value), "metadata", key]);
  return conditions;
}

function listGroup(name, choices, filter, change) {
  const values = filter[name] ?? [];
  const boxes = choices.map(([value, text, colour]) =>
    make(
      "label",
      { className: "check" },
      make("input", {
        type: "checkbox",
        checked: values.includes(value),
        onchange: (event) => change((present) => withValue(present, name, value, event.target.checked)),
      }),
      colour && make("i", { className: "swatch", style: { "--tag": colour } }),
      make("span", { textContent: text }),
    ),
  );
  return make(
    "details",
    { open: values.length > 0 || OPEN_FROM_START.has(name), className: "facet" },
    make(
      "summary",
      {},
      texts.filter.names[name],
      values.length > 0 && make("b", { textContent: String(values.length) }),
    ),
    make("div", { className: "choices" }, ...(boxes.length > 0 ? boxes : [make("small", { textContent: "none yet" })])),
  );
}

const toggle = (text, checked, onchange) =>
  make(
    "label",
    { className: "check" },
    make("input", { type: "checkbox", checked, onchange }),
    make("span", { textContent: text }),
  );

function switches(filter, change) {
  const labelled = (wanted) => (event) =>
    change((present) => ({ ...present, labelled: event.target.checked ? wanted : undefined }));
  return make(
    "div",
    { className: "facet switches" },
    toggle(texts.filter.errorsOnly, filter.errorsOnly === true, (event) =>
      change((present) => ({ ...present, errorsOnly: event.target.checked ? true : undefined })),
    ),
    toggle(texts.filter.labelledYes, filter.labelled === true, labelled(true)),
    toggle(texts.filter.labelledNo, filter.labelled === false, labelled(false)),
  );
}

function timeAndPart(filter, change) {
  const when = (name) =>
    make(
      "label",
      { className: "field" },
      make("span", { className: "field-name", textContent: texts.filter[name] }),
      make("input", {
        type: "datetime-local",
        value: inputOfTime(filter[name]),
        onchange: (event) => change((present) => ({ ...present, [name]: timeOfInput(event.target.value) })),
      }),
    );
  const part = make("input", {
    value: filter.part ?? "",
    spellcheck: false,
    onchange: () => change((present) => ({ ...present, part: part.value.trim() || undefined })),
  });
  return make(
    "details",
    { className: "facet", open: ["from", "to", "part"].some((name) => filter[name] !== undefined) },
    make("summary", { textContent: "Time and part" }),
    make(
      "div",
      { className: "choices wide" },
      when("from"),
      when("to"),
      make(
        "label",
        { className: "field" },
        make("span", { className: "field-name", textContent: texts.filter.part }),
        part,
      ),
    ),
  );
}

function metadata(filter, facets, change) {
  const keys = Object.keys(facets.metadata);
  const value = make("input", { ariaLabel: texts.filter.metadataValue, list: "metadata-values", spellcheck: false });
  const values = make("datalist", { id: "metadata-values" });
  const offer = () =>
    values.replaceChildren(...(facets.metadata[key.value] ?? []).map((each) => make("option", { value: each })));
  const key = make(
    "select",
    { ariaLabel: texts.filter.metadataKey, onchange: offer },
    ...keys.map((each) => make("option", { value: each, textContent: each })),
  );
  offer();
  const add = () => {
    if (key.value === "" || value.value.trim() === "") return;
    change((present) => ({ ...present, metadata: { ...present.metadata, [key.value]: value.value.trim() } }));
  };
  value.addEventListener("keydown", (event) => event.key === "Enter" && add());
  const fields =
    keys.length === 0
      ? [make("small", { textContent: "none yet" })]
      : [key, value, values, button({ text: texts.filter.apply, onclick: add })];
  return make(
    "details",
    { className: "facet", open: Object.keys(filter.metadata ?? {}).length > 0 },
    make("summary", { textContent: texts.filter.metadata }),
    make("div", { className: "choices wide" }, ...fields),
  );
}

/** The panel at the side of the gallery; `change(update)` is called with a function from filter to filter. */
export function filterPanel(filter, sources, change) {
  const choices = choicesOf(sources);
  const lists = LISTS.filter((name) => name !== "models" || choices.models.length > 0);
  return [
    switches(filter, change),
    ...lists.map((name) => listGroup(name, choices[name], filter, change)),
    timeAndPart(filter, change),
    metadata(filter, sources.facets, change),
  ];
}
