import { readFile, writeFile } from "node:fs/promises";
import { SightlineError } from "../../contracts/errors.ts";

/** Replaces what stands between `<!-- bench NAME -->` and `<!-- /bench NAME -->` in a Markdown file. */
export async function writeSection(path: string, name: string, markdown: string): Promise<void> {
  const { text, from, to } = await findSection(path, name);
  await writeFile(path, `${text.slice(0, from)}\n${markdown}\n${text.slice(to)}`);
}

/** Throws USAGE where there is no such section: asked before minutes are spent on measuring. */
export async function findSection(path: string, name: string): Promise<{ text: string; from: number; to: number }> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new SightlineError("USAGE", `--write ${path}: the file cannot be read (${error.code ?? error.message})`);
  });
  const opening = `<!-- bench ${name} -->`;
  const from = text.indexOf(opening) + opening.length;
  const to = text.indexOf(`<!-- /bench ${name} -->`);
  if (from < opening.length || to < from)
    throw new SightlineError("USAGE", `${path} has no section ${opening} … to write to`);
  return { text, from, to };
}
