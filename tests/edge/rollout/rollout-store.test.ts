import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { committed, startOrder } from "../../../src/edge/rollout/rollout-state.ts";
import { RolloutStore } from "../../../src/edge/rollout/rollout-store.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { temporaryDirectory } from "../../scenarios/support/station.ts";
import { AT, candidateOf, slotOf } from "./sample-state.ts";

const FACTORY = slotOf("1.0.0", { release: null, stage: null });
let folder: string;
const open = async (factory = FACTORY): Promise<RolloutStore> => {
  const store = new RolloutStore(folder, silentLogger);
  await store.open(async () => factory);
  return store;
};

beforeEach(() => {
  folder = temporaryDirectory();
});

test("a device begins with the bundle of its configuration", async () => {
  const { state } = await open();
  expect(state).toMatchObject({ factory: FACTORY, current: FACTORY, previous: null, candidate: null });
  expect(startOrder(state)).toEqual([FACTORY.path]);
});

test("what was saved is there after a start; the candidate is not what a start begins with", async () => {
  const store = await open();
  await store.save({ ...store.state, candidate: candidateOf({ phase: "trial", attemptsLeft: 2 }) });
  const { state } = await open();
  expect(state.candidate).toMatchObject({ phase: "trial", attemptsLeft: 2 });
  expect(startOrder(state)).toEqual([FACTORY.path]);
  await store.save(committed(state, AT, "good"));
  expect(startOrder((await open()).state)).toEqual([slotOf("1.1.0").path, FACTORY.path]);
});

test.each(["", "{", "{}", "null"])("a state of %j is put aside, and the configuration's bundle runs", async (text) => {
  writeFileSync(join(folder, "rollout.json"), text);
  expect((await open()).state.current).toEqual(FACTORY);
  expect(readFileSync(join(folder, "rollout.json.before"), "utf8")).toBe(text);
});

test("another bundle in the configuration is a person's word: it runs", async () => {
  const store = await open();
  await store.save(committed({ ...store.state, candidate: candidateOf() }, AT, "good"));
  const newer = slotOf("2.0.0", { path: "/models/tiny", release: null });
  expect((await open(newer)).state).toMatchObject({ current: newer, factory: newer, previous: null });
  expect(readdirSync(folder)).toContain("rollout.json.before");
});

test("without the configuration's bundle a committed one still runs, and without both nothing does", async () => {
  const gone = async (): Promise<never> => {
    throw new Error("gone");
  };
  await expect(new RolloutStore(folder, silentLogger).open(gone)).rejects.toThrow("gone");
  const store = await open();
  await store.save(committed({ ...store.state, candidate: candidateOf() }, AT, "good"));
  const again = new RolloutStore(folder, silentLogger);
  await again.open(gone);
  expect(again.state.current.version).toBe("1.1.0");
});
