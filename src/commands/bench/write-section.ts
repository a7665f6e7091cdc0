import { readFile, writeFile } from "node:fs/promises";
import { SightlineError } from "../../contracts/errors.ts";

/** Replaces what stands between `<!-- bench NAME -->` and `<!-- /bench NAME -->` in a Markdown file. */
export async function writeSection(path: string, name: string, markdown: string): Promise<void> {
  const text = await readFile(path, "utf8");
  const opening = `<!-- bench ${name} -->`;
  const closing = `<!-- /bench ${name} -->`;
  const from = text.indexOf(opening);
  const to = text.indexOf(closing);
  if (from < 0 || to < from)
    throw new SightlineError("USAGE", `${path} has no section ${opening} … ${closing} to write to`);
  await writeFile(path, `${text.slice(0, from + opening.length)}\n${markdown}\n${text.slice(to)}`);
}
