import { expect, test } from "vitest";
import { Listeners } from "../../src/platform/listeners.ts";

test("a listener that throws is reported and keeps nobody else from the news", () => {
  const errors: unknown[] = [];
  const heard: string[] = [];
  const listeners = new Listeners<string>((error) => errors.push(error));
  const broken = new Error("broken");
  listeners.add(() => {
    throw broken;
  });
  const end = listeners.add((news) => heard.push(news));
  listeners.tell("first");
  end();
  listeners.tell("second");
  expect(heard).toEqual(["first"]);
  expect(errors).toEqual([broken, broken]);
});
