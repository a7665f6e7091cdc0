import { post, put } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, icon, make } from "./dom.js";
import { toast } from "./toast.js";
import { texts } from "./texts.js";

/** Distinct in light and dark, in the order in which new tags get them. */
export const TAG_COLOURS = ["#c2410c", "#0e7490", "#7c3aed", "#b45309", "#15803d", "#be185d", "#1d4ed8", "#6b7280"];
export const MOST_TAG_LENGTH = 64;

export const tagChip = (tag, onremove) =>
  make(
    "span",
    { className: "chip", style: { "--tag": tag.colour }, title: tag.description },
    make("i", { className: "swatch" }),
    make("span", { textContent: tag.name }),
    onremove && button({ glyph: "glyph-close", label: texts.tags.remove(tag.name), onclick: onremove }),
  );

/** How many of the cases carry each tag. */
function countsOf(cases) {
  const counts = new Map();
  for (const { tagIds } of cases) for (const id of tagIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** The list in the dialog: a checkbox a tag, three-valued where only some cases carry it. */
class TagChoices {
  element = make("div", { className: "tag-choices", role: "group", ariaLabel: texts.case_.tags });
  #tags;
  #counts;
  #cases;
  wanted = new Map();

  constructor(tags, cases) {
    this.#tags = [...tags];
    this.#cases = cases;
    this.#counts = countsOf(cases);
  }

  add(tag) {
    this.#tags.push(tag);
    this.wanted.set(tag.id, true);
  }

  named(name) {
    return this.#tags.find((tag) => tag.name.toLowerCase() === name.toLowerCase());
  }

  like(text) {
    return this.#tags.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  }

  get count() {
    return this.#tags.length;
  }

  show(text) {
    const rows = this.like(text).map((tag) => this.#row(tag));
    const none = this.#tags.length === 0 ? texts.tags.none : texts.tags.noneFound;
    this.element.replaceChildren(...(rows.length > 0 ? rows : [make("p", { className: "hint", textContent: none })]));
  }

  toggle(tag) {
    const has = this.wanted.get(tag.id) ?? (this.#counts.get(tag.id) ?? 0) === this.#cases.length;
    this.wanted.set(tag.id, !has);
  }

  #row(tag) {
    const count = this.#counts.get(tag.id) ?? 0;
    const wanted = this.wanted.get(tag.id);
    const some = wanted === undefined && count > 0 && count < this.#cases.length;
    return make(
      "label",
      { className: "tag-choice" },
      make("input", {
        type: "checkbox",
        checked: wanted ?? (count > 0 && !some),
        indeterminate: some,
        onchange: (event) => this.wanted.set(tag.id, event.target.checked),
      }),
      make("i", { className: "swatch", style: { "--tag": tag.colour } }),
      make("span", { className: "name", textContent: tag.name }),
      make("small", { textContent: some ? texts.tags.mixed : tag.description }),
    );
  }
}

function newTagFields(choices) {
  const colour = make("input", {
    type: "color",
    value: TAG_COLOURS[choices.count % TAG_COLOURS.length],
    ariaLabel: texts.tags.colour,
  });
  const description = make("input", {
    maxLength: 500,
    ariaLabel: texts.tags.description,
    placeholder: texts.tags.descriptionHint,
  });
  return { colour, description };
}

/**
 * Asks for the tags of cases (`{id, tags}`) and saves them. Typing finds a tag or makes a new one; Enter takes the
 * first one found. Gives `{add, remove}` when something was saved, else null.
 */
export async function askTags(workbench, cases) {
  const choices = new TagChoices(await workbench.tags(), cases);
  const { colour, description } = newTagFields(choices);
  const find = make("input", {
    name: "find",
    autofocus: true,
    spellcheck: false,
    autocomplete: "off",
    ariaLabel: texts.tags.find,
    placeholder: texts.tags.find,
  });
  const createWord = make("span");
  const create = make("button", { type: "button", hidden: true }, icon("glyph-plus"), createWord);
  const fresh = make("div", { className: "new-tag", hidden: true }, colour, description, create);
  const show = () => {
    const name = find.value.trim();
    const known = name === "" || choices.named(name) !== undefined;
    fresh.hidden = create.hidden = known;
    createWord.textContent = texts.tags.create(name.length > 30 ? `${name.slice(0, 30)}…` : name);
    choices.show(name);
  };
  const make_ = async () => {
    const name = find.value.trim();
    if (name.length > MOST_TAG_LENGTH) throw new Error(texts.tags.tooLong);
    const { tag } = await post("tags", {
      project: workbench.project.id,
      name,
      colour: colour.value,
      description: description.value.trim(),
    });
    workbench.forgetTags();
    choices.add(tag);
    find.value = "";
    show();
    find.focus();
  };
  const problem = make("p", { className: "form-error", role: "alert" });
  create.addEventListener("click", () => make_().catch((error) => (problem.textContent = error.message)));
  find.addEventListener("input", () => ((problem.textContent = ""), show()));
  find.addEventListener("keydown", (event) => {
    const name = find.value.trim();
    if (event.key !== "Enter" || name === "") return; // an empty field sends the form
    event.preventDefault();
    const known = choices.named(name) ?? choices.like(name)[0];
    if (known === undefined) create.click();
    else {
      choices.toggle(known);
      find.value = "";
      show();
    }
  });
  show();
  let change = null;
  await openDialog({
    title: texts.tags.title(cases.length),
    body: [make("p", { className: "hint", textContent: texts.tags.hint }), find, choices.element, fresh, problem],
    yes: texts.tags.save,
    check: async () => {
      const left = find.value.trim();
      const [like] = choices.like(left);
      if (left !== "" && like !== undefined) return texts.tags.unfinished(left, like.name);
      if (left !== "") await make_();
      const add = [...choices.wanted].filter(([, on]) => on).map(([id]) => id);
      const remove = [...choices.wanted].filter(([, on]) => !on).map(([id]) => id);
      if (add.length + remove.length > 0) {
        await put("cases/tags", { caseIds: cases.map(({ id }) => id), add, remove });
        change = { add, remove };
      }
      return null;
    },
  });
  if (change !== null) toast(cases.length === 1 ? texts.tags.doneOne : texts.tags.done(cases.length));
  return change;
}

export const withTags = (tags, { add, remove }) =>
  [...new Set([...tags.filter((id) => !remove.includes(id)), ...add])].sort((a, b) => a - b);
