/** A section of a Markdown document: `## heading`, then its text. */
export interface CardSection {
  readonly heading: string;
  readonly text: string;
}

/** Replaces the section `## heading` up to the next one of that level, or appends it where there is none. */
export function replaceSection(markdown: string, { heading, text }: CardSection): string {
  const section = `## ${heading}\n\n${text.trim()}\n`;
  const parts = markdown.split(/^(?=## )/m);
  const at = parts.findIndex((part) => part.split("\n", 1)[0]?.trim() === `## ${heading}`);
  if (at < 0) return `${markdown.trimEnd()}\n\n${section}`;
  parts[at] = at === parts.length - 1 ? section : `${section}\n`;
  return parts.join("");
}
