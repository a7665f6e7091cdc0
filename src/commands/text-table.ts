/** Rows under a head, columns two spaces apart, every line indented; numbers to the right, words to the left. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[], indent = "  "): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const right = head.map((_, column) => rows.every((row) => /^[-–]?[\d.]*( %)?$/.test(row[column] ?? "")));
  const lineOf = (row: readonly string[]): string =>
    indent +
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right[column] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [head, ...rows].map((row) => `${lineOf(row)}\n`).join("");
}

/** Words on lines of at most `width` characters, each indented. */
export function wrapped(text: string, indent: string, width = 110): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => `${indent}${each}\n`).join("");
}
