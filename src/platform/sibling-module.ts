/**
 * URL of the module `name` beside the module with `moduleUrl`, for workers and child processes: `.ts` when the
 * source itself runs (tests), `.js` when the build does.
 */
export function siblingModule(moduleUrl: string, name: string): URL {
  const extension = moduleUrl.endsWith(".ts") ? ".ts" : ".js";
  return new URL(`./${name}${extension}`, moduleUrl);
}
