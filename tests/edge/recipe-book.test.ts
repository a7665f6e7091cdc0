import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { RecipeBook } from "../../src/edge/recipe-book.ts";
import { RecipeConfig } from "../../src/edge/device-config.ts";
import { silentLogger } from "../../src/platform/logger.ts";
import { FakeEngine } from "../fakes/fake-engine.ts";
import { temporaryDirectory, TINY_BUNDLE } from "../scenarios/support/station.ts";

let dataDirectory: string;
let book: RecipeBook;
const chosen = () => readFile(join(dataDirectory, "active-recipe"), "utf8").catch(() => null);

beforeEach(async () => {
  dataDirectory = temporaryDirectory();
  const recipes = ["tiles", "bricks"].map((name) => RecipeConfig.parse({ name, model: TINY_BUNDLE }));
  const engine = new FakeEngine(() => ({ ngScore: 0 }));
  book = new RecipeBook(
    { recipes, activeRecipe: undefined, deadlineMs: 1000, dataDirectory },
    { engine, log: silentLogger },
  );
  await book.start();
});

test("a switch is on disk before it takes effect", async () => {
  await book.switchTo("bricks");
  expect(book.active?.name).toBe("bricks");
  expect(await chosen()).toBe("bricks");
});

test("an order to a disk that does not answer fails in time, and does not take effect when it answers at last", async () => {
  // The disk that hangs: a pipe without a writer.
  execFileSync("mkfifo", [join(dataDirectory, "active-recipe")]);
  const order = new AbortController();
  const switched = book.switchTo("bricks", order.signal);
  await setImmediate(); // it waits for the disk
  order.abort();
  await expect(switched).rejects.toMatchObject({
    code: "JOURNAL_FULL",
    detail: expect.stringContaining("stays as it was"),
  });
  expect(book.active?.name).toBe("tiles");
  await writeFile(join(dataDirectory, "active-recipe"), "tiles");
  await expect(book.switchTo("unknown")).rejects.toThrow("known are"); // in turn: the order before has ended
  expect(await chosen()).toBe("tiles");
  await book.switchTo("bricks");
  expect(await chosen()).toBe("bricks");
});

test("a model that cannot be loaded gives way to the one before it; the last one's fault counts", async () => {
  const config = RecipeConfig.parse({ name: "tiles", model: TINY_BUNDLE });
  const bookOf = (...paths: string[]): RecipeBook => {
    const options = { recipes: [config], activeRecipe: undefined, deadlineMs: 1000, dataDirectory };
    const engine = new FakeEngine(() => ({ ngScore: 0 }));
    return new RecipeBook({ ...options, modelPaths: () => paths }, { engine, log: silentLogger });
  };
  const damaged = bookOf("/nowhere/newest", TINY_BUNDLE);
  await damaged.start();
  expect(damaged.active?.bundle.directoryPath).toBe(TINY_BUNDLE);
  await expect(bookOf("/nowhere/newest", "/nowhere/before").start()).rejects.toThrow("/nowhere/before");
});

test("another model takes a recipe's place at once where that is active, and later where it is not", async () => {
  const bricks = book.recipe("bricks");
  if (bricks === undefined) throw new Error("bricks is not loaded");
  book.replace({ ...bricks, deadlineMs: 7 });
  expect(book.active).toMatchObject({ name: "tiles", deadlineMs: 1000 });
  await book.switchTo("bricks");
  expect(book.active?.deadlineMs).toBe(7);
  book.replace(bricks);
  expect(book.active).toBe(bricks);
});
