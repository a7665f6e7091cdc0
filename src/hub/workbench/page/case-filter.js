/** The gallery's filter, as `CaseFilter` of the interface without its project. Pure. */
export const LISTS = ["outcomes", "verdicts", "classes", "labels", "tags", "reasons", "devices", "lines", "models"];

/** From the address; what cannot be read is no filter. */
export function filterOfQuery(text) {
  if (text === undefined || text === "") return {};
  try {
    const filter = JSON.parse(text);
    return typeof filter === "object" && filter !== null && !Array.isArray(filter) ? filter : {};
  } catch {
    return {};
  }
}

/** Without empty lists and empty words; undefined when nothing is left. */
export function queryOfFilter(filter) {
  const kept = Object.entries(filter).filter(([, value]) => {
    if (value === undefined || value === null || value === "") return false;
    return typeof value !== "object" || Object.keys(value).length > 0;
  });
  return kept.length === 0 ? undefined : JSON.stringify(Object.fromEntries(kept));
}

export const isEmptyFilter = (filter) => queryOfFilter(filter) === undefined;

export function withValue(filter, name, value, on) {
  const values = (filter[name] ?? []).filter((each) => each !== value);
  return { ...filter, [name]: on ? [...values, value] : values };
}

export function without(filter, name, key) {
  if (name === "metadata") {
    const metadata = { ...filter.metadata };
    delete metadata[key];
    return { ...filter, metadata };
  }
  const { [name]: _gone, ...rest } = filter;
  return rest;
}
