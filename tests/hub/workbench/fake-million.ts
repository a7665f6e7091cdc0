import type { Page, Route } from "playwright-core";
import { idOf, START } from "../support/make-upload.ts";
import { PROJECT } from "./seed-workbench.ts";

/** Rows of a project in which every third row of the table belongs to another one. */
export const MILLION = 1_000_000;
const LAST_ROW = 1_500_000;
const isOurs = (row: number): boolean => row >= 1 && row <= LAST_ROW && row % 3 !== 0;

const caseOf = (row: number) => ({
  row,
  id: idOf(row),
  project: PROJECT,
  device: "tile-1",
  line: "Line 4",
  part: `T-${row}`,
  capturedAt: START + row * 1000,
  receivedAt: START + row * 1000,
  imageSha256: "a".repeat(64),
  verdict: "pass",
  class: "free",
  ngScore: 0.1,
  model: { name: "tile-surface", version: "1.4.0", sha256: "b".repeat(64) },
  reasons: ["audit"],
  label: null,
  labelDefect: null,
  outcome: null,
  tagIds: [],
  labelSuspicion: null,
});

export interface FakeMillion {
  /** Answers given so far. */
  pages(): number;
}

/** Puts a million cases behind the gallery of this page: the keyset interface, from memory. */
export async function fakeMillion(page: Page): Promise<FakeMillion> {
  let pages = 0;
  const list = async (route: Route): Promise<void> => {
    const { searchParams } = new URL(route.request().url());
    const limit = Number(searchParams.get("limit"));
    const step = searchParams.get("order") === "oldest" ? 1 : -1;
    const before = searchParams.get("beforeRow");
    let row = before === null ? (step === 1 ? 1 : LAST_ROW) : Number(before) + step;
    const cases = [];
    for (; cases.length < limit && row >= 1 && row <= LAST_ROW; row += step) if (isOurs(row)) cases.push(caseOf(row));
    const more = row >= 1 && row <= LAST_ROW;
    pages++;
    await route.fulfill({ json: { cases, nextBeforeRow: more ? (cases.at(-1)?.row ?? null) : null } });
  };
  await page.route("**/api/v1/cases?*", list);
  await page.route("**/api/v1/cases/count?*", (route) => route.fulfill({ json: { count: 10_000, exact: false } }));
  await page.route("**/api/v1/cases/*/image*", (route) =>
    route.fulfill({
      contentType: "image/svg+xml",
      body: '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>',
    }),
  );
  return { pages: () => pages };
}
