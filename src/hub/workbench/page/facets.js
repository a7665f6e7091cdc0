import { get } from "./api.js";

const known = new Map();

/** What can be filtered by in a project: `{devices, lines, models, metadata: {key: [values]}}`. Asked for once a minute. */
export function facetsOf(project) {
  const entry = known.get(project);
  if (entry !== undefined && performance.now() - entry.at < 60_000) return entry.facets;
  const facets = get("cases/facets", { project });
  known.set(project, { at: performance.now(), facets });
  facets.catch(() => known.delete(project));
  return facets;
}
