import { describe, expect, test } from "vitest";
// The page is plain JavaScript for the browser; these parts of it touch no document.
// @ts-expect-error no types
import { filterOfQuery, queryOfFilter, without, withValue } from "../../../src/hub/workbench/page/case-filter.js";
// @ts-expect-error no types
import { CasePages, PAGE_CASES } from "../../../src/hub/workbench/page/case-pages.js";
// @ts-expect-error no types
import {
  durationText,
  moneyText,
  percentText,
  pointsRange,
  pointsText,
} from "../../../src/hub/workbench/page/format.js";
// @ts-expect-error no types
import { boxInImage, fitted, moved, zoomed } from "../../../src/hub/workbench/page/image-geometry.js";
// @ts-expect-error no types
import { addressOf, parseAddress } from "../../../src/hub/workbench/page/router.js";

interface Asked {
  readonly limit: number;
  readonly beforeRow?: number;
  readonly newestFirst: boolean;
}

/** Rows of a table of which some belong to the list; a page looks at no more than `walk` rows, as the hub does. */
function listOf(rows: readonly number[], { walk = 1000 } = {}) {
  const asked: Asked[] = [];
  const last = Math.max(...rows);
  const ours = new Set(rows);
  const fetchPage = async ({ limit, beforeRow, newestFirst }: Asked) => {
    asked.push({ limit, newestFirst, ...(beforeRow === undefined ? {} : { beforeRow }) });
    const step = newestFirst ? -1 : 1;
    let row = beforeRow === undefined ? (newestFirst ? last : 1) : beforeRow + step;
    const cases: { row: number; id: string }[] = [];
    let walked = 0;
    for (; row >= 1 && row <= last && cases.length < limit && walked < walk; row += step, walked++)
      if (ours.has(row)) cases.push({ row, id: String(row) });
    const ended = row < 1 || row > last;
    return { cases, nextBeforeRow: ended ? null : row - step };
  };
  return { asked, fetchPage };
}

const rowsFrom = (
  pages: { at(index: number): { row: number } | undefined },
  from: number,
  to: number,
): (number | undefined)[] => Array.from({ length: to - from }, (_, index) => pages.at(from + index)?.row);

describe("pages of the gallery", () => {
  const rows = Array.from({ length: 3000 }, (_, index) => index * 2 + 1);
  const open = (list: ReturnType<typeof listOf>, total = rows.length, newestFirst = true) =>
    new CasePages({
      fetchPage: list.fetchPage,
      newestFirst,
      total,
      span: newestFirst ? { first: 5999, last: 1 } : { first: 1, last: 5999 },
    });

  test.each([true, false])("read from the front are the whole list (newest first: %s)", async (newestFirst) => {
    const pages = open(listOf(rows), rows.length, newestFirst);
    const seen: (number | undefined)[] = [];
    for (let number = 0; number * PAGE_CASES < 3000; number++) {
      await pages.load(number);
      seen.push(...rowsFrom(pages, number * PAGE_CASES, (number + 1) * PAGE_CASES));
    }
    expect(seen).toEqual(newestFirst ? rows.toReversed() : rows);
  });

  test("a jump lands where the list's density says, and goes on from there in both directions", async () => {
    const pages = open(listOf(rows));
    await pages.load(12);
    const start = pages.at(12 * PAGE_CASES).row;
    expect(Math.abs(start - (5999 - 2 * 12 * PAGE_CASES))).toBeLessThan(8);
    await pages.load(11);
    await pages.load(13);
    const seen = rowsFrom(pages, 11 * PAGE_CASES, 14 * PAGE_CASES);
    expect(seen.slice(1).every((row, index) => row === (seen[index] ?? 0) - 2)).toBe(true);
  });

  test("the last page ends where the list ends", async () => {
    const pages = open(listOf(rows));
    await pages.load(pages.lastPage);
    expect(pages.at(2999).row).toBe(1);
    expect(pages.total).toBe(3000);
  });

  test("a total that was guessed too low or too high corrects itself", async () => {
    for (const guess of [2500, 3600]) {
      const pages = open(listOf(rows), guess);
      for (let number = 0; number <= pages.lastPage; number++) await pages.load(number);
      expect(pages.total).toBe(3000);
    }
  });

  test("pages that the hub cut short are filled up", async () => {
    const rare = Array.from({ length: 300 }, (_, index) => index * 40 + 1);
    const pages = new CasePages({
      fetchPage: listOf(rare, { walk: 100 }).fetchPage,
      newestFirst: true,
      span: null,
      total: 300,
    });
    await pages.load(0);
    expect(rowsFrom(pages, 0, PAGE_CASES)).toEqual(rare.toReversed().slice(0, PAGE_CASES));
  });

  test("where no jump is possible, the pages before are read first", async () => {
    const pages = new CasePages({ fetchPage: listOf(rows).fetchPage, newestFirst: true, span: null, total: 3000 });
    await pages.load(3);
    expect(pages.at(3 * PAGE_CASES).row).toBe(5999 - 2 * 3 * PAGE_CASES);
  });

  test("a page is asked for once, however often it is wanted meanwhile", async () => {
    const list = listOf(rows);
    const pages = open(list);
    await Promise.all([pages.load(0), pages.load(0), pages.load(0)]);
    expect(list.asked.length).toBe(1);
  });

  test("only so many pages are kept", async () => {
    const pages = open(listOf(rows));
    for (let number = 0; number < 25; number++) await pages.load(number);
    expect([...pages.loaded()].length).toBeLessThanOrEqual(24 * PAGE_CASES);
    expect(pages.isLoaded(0)).toBe(false);
  });
});

describe("filters and addresses", () => {
  test("a filter survives its way through the address, without what is empty", () => {
    const filter = { outcomes: ["escape"], tags: [], part: "", metadata: { shift: "night" } };
    const address = addressOf("cases", "", { filter: queryOfFilter(filter) });
    const { screen, query } = parseAddress(address);
    expect(screen).toBe("cases");
    expect(filterOfQuery(query.filter)).toEqual({ outcomes: ["escape"], metadata: { shift: "night" } });
  });
  test.each(["", "{", "[]", "null", '"x"'])("an unreadable filter %j is none", (text) =>
    expect(filterOfQuery(text)).toEqual({}),
  );
  test("conditions come and go", () => {
    expect(withValue({ tags: [1] }, "tags", 2, true)).toEqual({ tags: [1, 2] });
    expect(withValue({ tags: [1] }, "tags", 1, false)).toEqual({ tags: [] });
    expect(without({ metadata: { a: "1", b: "2" } }, "metadata", "a")).toEqual({ metadata: { b: "2" } });
    expect(without({ part: "x", from: 3 }, "part")).toEqual({ from: 3 });
  });
});

describe("figures", () => {
  test("shares never round up to all or down to none", () => {
    expect(percentText(0.99999)).toBe("> 99.9 %");
    expect(percentText(0.00001)).toBe("< 0.1 %");
    expect(percentText(1)).toBe("100 %");
    expect(percentText(null)).toBe("–");
  });
  test("differences carry their sign, intervals with a minus say “to”", () => {
    expect(pointsText(0.0123)).toBe("+1.2 pp");
    expect(pointsText(-0.0123)).toBe("−1.2 pp");
    expect(pointsRange({ low: -0.01, high: 0.02 })).toBe("−1.0 to 2.0 pp");
    expect(pointsRange({ low: 0.01, high: 0.02 })).toBe("1.0–2.0 pp");
  });
  test("money and time read as people write them", () => {
    expect(moneyText(89.2, "EUR")).toBe("89.20 EUR");
    expect(moneyText(12_345.6, "EUR")).toBe("12,346 EUR");
    expect(durationText(45 * 86_400)).toBe("45 days");
    expect(durationText(90)).toBe("90 seconds");
    expect(durationText(Infinity)).toBe("–");
  });
});

describe("the image in its stage", () => {
  const stage = { width: 800, height: 600 };
  const image = { width: 288, height: 336 };
  test("fits, and stays at the pointer while it is zoomed", () => {
    const view = fitted(stage, image);
    expect(view.scale).toBeCloseTo(600 / 336);
    const at = { x: 400, y: 200 };
    const near = zoomed(view, 4, at, stage, image);
    expect((at.x - near.x) / near.scale).toBeCloseTo((at.x - view.x) / view.scale);
    expect(zoomed(near, 0.001, at, stage, image)).toEqual(view);
  });
  test("covers the stage however far it is moved", () => {
    const near = zoomed(fitted(stage, image), 4, { x: 400, y: 300 }, stage, image);
    const far = moved(near, 10_000, -10_000, stage, image);
    expect(far.x).toBe(0);
    expect(far.y).toBeCloseTo(600 - 336 * near.scale);
  });
  test("boxes are cut to the image; a slip of the hand is none", () => {
    const view = { scale: 2, x: 100, y: 0 };
    expect(boxInImage({ x: 50, y: -20 }, { x: 140, y: 80 }, view, image)).toEqual({
      x: 0,
      y: 0,
      width: 20,
      height: 40,
    });
    expect(boxInImage({ x: 140, y: 80 }, { x: 142, y: 82 }, view, image)).toBeNull();
  });
});
