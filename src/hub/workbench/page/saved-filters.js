import { get, put, remove } from "./api.js";
import { filterOfQuery, queryOfFilter } from "./case-filter.js";
import { openDialog } from "./dialog.js";
import { field, make } from "./dom.js";
import { toast } from "./toast.js";
import { texts } from "./texts.js";

/** A menu of the project's saved filters; `use(filter)` when one is chosen, `chosen(name)` with its name ("": none). */
export function savedFilterMenu(project, use, chosen = () => {}) {
  const menu = make("select", { className: "saved", ariaLabel: texts.filter.saved });
  const refresh = async () => {
    const { filters } = await get("saved-filters", { project });
    menu.replaceChildren(
      make("option", { value: "", textContent: filters.length === 0 ? texts.filter.none : texts.filter.saved }),
      ...filters.map(({ name, query }) => make("option", { value: query, textContent: name })),
    );
    menu.disabled = filters.length === 0;
    chosen("");
  };
  menu.addEventListener("change", () => {
    chosen(menu.value === "" ? "" : menu.selectedOptions[0].textContent);
    if (menu.value !== "") use(filterOfQuery(menu.value));
  });
  refresh().catch(() => (menu.disabled = true)); // the gallery itself says what is wrong
  return { menu, refresh };
}

export async function askToSave(project, filter) {
  const name = make("input", { name: "name", maxLength: 80, autofocus: true });
  const fields = await openDialog({
    title: texts.filter.saveTitle,
    body: [field(texts.filter.saveName, name)],
    yes: texts.save,
    check: async ({ name: given }) => {
      if (given.trim() === "") return texts.filter.saveNeeds;
      await put(`saved-filters/${encodeURIComponent(given.trim())}`, { project, query: queryOfFilter(filter) ?? "{}" });
      return null;
    },
  });
  if (fields !== null) toast(texts.filter.saved_(fields.name.trim()));
  return fields !== null;
}

/** Asks first: everybody in the project loses it. */
export async function askToDelete(project, name) {
  const fields = await openDialog({
    title: texts.filter.deleteTitle(name),
    body: [make("p", { textContent: texts.filter.deleteText })],
    yes: texts.filter.delete_,
    danger: true,
    check: async () => {
      await remove(`saved-filters/${encodeURIComponent(name)}?project=${encodeURIComponent(project)}`);
      return null;
    },
  });
  if (fields !== null) toast(texts.filter.deleted(name));
  return fields !== null;
}
