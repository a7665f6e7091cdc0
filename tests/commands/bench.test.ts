import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { bench } from "../../src/commands/bench.ts";
import { benchHub } from "../../src/commands/bench/hub.ts";
import { temporaryDirectory } from "../pipeline/journal/open-journal.ts";

afterEach(() => vi.restoreAllMocks());

test("bench hub fills a database, asks it at every size, and sends cases to a hub of its own process", async () => {
  let printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  expect(await benchHub(["--cases", "300,600", "--runs", "2", "--intake", "12", "--json"])).toBe(0);
  const figures = JSON.parse(printed);
  expect(figures.sizes.map(({ cases }: { cases: number }) => cases)).toEqual([300, 600]);
  expect(Object.keys(figures.sizes[0].times)).toContain("rare combination");
  expect(figures.intake).toMatchObject({ cases: 12, imageBytes: 50_000 });
});

test("bench hub refuses sizes that do not rise", async () => {
  await expect(benchHub(["--cases", "600,300"])).rejects.toThrow(/the sizes have to rise/);
});

test("a figure that could not be written is not measured", async () => {
  const text = join(temporaryDirectory(), "figures.md");
  writeFileSync(text, "# no markers\n");
  await expect(bench.run(["hub", "--write", text])).rejects.toThrow(/no section <!-- bench hub -->/);
  await expect(bench.run(["hub", "--write", `${text}.none`])).rejects.toThrow(/cannot be read \(ENOENT\)/);
});
