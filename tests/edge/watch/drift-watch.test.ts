import { readdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { DriftAlarm } from "../../../src/contracts/drift-alarm.ts";
import type { EscapeCertificate } from "../../../src/contracts/model-bundle.ts";
import { driftReference } from "../../../src/drift/drift-reference.ts";
import { certificateStanding } from "../../../src/edge/watch/certificate-standing.ts";
import type { Recipe } from "../../../src/edge/recipe.ts";
import type { LineDrift } from "../../../src/simulation/line-settings.ts";
import {
  type OpenWatch,
  openWatch,
  recipeWith,
  SHA256,
  settled,
  simulatedFrame,
  temporaryFolder,
} from "./watched-line.ts";

const REFERENCE_FRAMES = 200;
const QUIET: LineDrift = {
  ...{ from: { part: REFERENCE_FRAMES }, rampParts: 0 },
  ...{ lampLoss: 0, contrastLoss: 0, blurPx: 0, dustSpots: 0 },
};

/** Shows parts `from` to `to`; stops at an alarm. Returns the part that raised it. */
async function show(
  { watch, alarms }: OpenWatch,
  recipe: Recipe,
  drift: LineDrift | null,
  { from, to }: { from: number; to: number },
): Promise<number | null> {
  const before = alarms.length;
  for (let index = from; index < to; index++) {
    watch.observe({ recipe, ...simulatedFrame(index, drift) });
    await settled();
    if (alarms.length > before) return index;
  }
  await expect.poll(() => watch.status().framesLearnt).toBeGreaterThan(0); // files are read before the first frame
  return null;
}

describe("the simulated line", () => {
  test.each([
    ["a lamp that loses 20 % of its light", { lampLoss: 0.2 }, 100, /darker/],
    ["a lens out of focus by 1.5 px", { blurPx: 1.5 }, 100, /blurred/],
    ["40 specks of dust", { dustSpots: 40 }, 400, /sharper|darker|black/],
  ])("%s is found within so many frames, and named", async (_, change, most, words) => {
    const recipe = recipeWith();
    const open = openWatch(temporaryFolder(), recipe, { referenceFrames: REFERENCE_FRAMES });
    const drift = { ...QUIET, ...change };
    const at = await show(open, recipe, drift, { from: 0, to: REFERENCE_FRAMES + most });
    expect(at).not.toBeNull();
    expect(at).toBeGreaterThan(REFERENCE_FRAMES);
    const [alarm] = open.alarms;
    expect(alarm?.sentence).toMatch(words);
    expect(open.watch.status()).toMatchObject({ state: "alarm", alarms: [alarm] });
    expect(open.audits).toMatchObject([
      { by: "drift-watch", detail: { recipe: "tiles", alarm: { device: "station-1" } } },
    ]);
  });

  test("does not alarm where nothing changes", async () => {
    const recipe = recipeWith();
    const open = openWatch(temporaryFolder(), recipe, { referenceFrames: REFERENCE_FRAMES });
    expect(await show(open, recipe, null, { from: 0, to: 1500 })).toBeNull();
    expect(open.watch.status()).toMatchObject({ state: "watching", framesLearnt: REFERENCE_FRAMES, alarms: [] });
  });
});

describe("a restart", () => {
  test("in the midst of learning goes on with the next frame", async () => {
    const folder = temporaryFolder();
    const recipe = recipeWith();
    const first = openWatch(folder, recipe, { referenceFrames: 120 });
    await show(first, recipe, null, { from: 0, to: 70 });
    await first.watch.stop();
    const second = openWatch(folder, recipe, { referenceFrames: 120 });
    await show(second, recipe, null, { from: 70, to: 119 });
    await expect.poll(() => second.watch.status().framesLearnt).toBe(119);
    await show(second, recipe, null, { from: 119, to: 121 });
    expect(second.watch.status()).toMatchObject({ state: "watching", framesLearnt: 120 });
  });

  test("keeps the reference, the sums, an open alarm and both sample sheets", async () => {
    const folder = temporaryFolder();
    const recipe = recipeWith();
    const drift = { ...QUIET, lampLoss: 0.3 };
    const first = openWatch(folder, recipe, { referenceFrames: REFERENCE_FRAMES });
    const at = await show(first, recipe, drift, { from: 0, to: 400 });
    // Pictures are some frames and a quarter of a second apart, however fast this machine shows them.
    for (let from = (at ?? 0) + 1; first.watch.status().pictures.now === 0 && from < 4000; from += 60)
      await show(first, recipe, drift, { from, to: from + 60 });
    await first.watch.stop();
    const second = openWatch(folder, recipe, { referenceFrames: REFERENCE_FRAMES });
    await show(second, recipe, drift, { from: 500, to: 501 });
    await expect.poll(() => second.watch.status().state).toBe("alarm");
    expect(second.alarms, "the hub is told again: it may have missed it").toEqual(first.alarms);
    const { pictures } = second.watch.status();
    expect(pictures.reference).toBeGreaterThan(3);
    expect(pictures.now).toBeGreaterThan(0);
    expect(second.watch.picture("reference", 0)?.slice(0, 2)).toEqual(new Uint8Array([0xff, 0xd8]));
    expect(second.watch.picture("now", 60)).toBeUndefined();
  });

  test("learns anew what its disk cannot tell, and keeps the unreadable file", async () => {
    const folder = temporaryFolder();
    const recipe = recipeWith();
    const first = openWatch(folder, recipe, { referenceFrames: 100 });
    await show(first, recipe, null, { from: 0, to: 101 });
    await first.watch.stop();
    const name = readdirSync(folder).find((file) => file.endsWith("reference.json")) ?? "";
    writeFileSync(`${folder}/${name}`, '{"schema": 1');
    const second = openWatch(folder, recipe, { referenceFrames: 100 });
    second.watch.observe({ recipe, ...simulatedFrame(102, null) });
    await expect.poll(() => second.watch.status()).toMatchObject({ state: "learning", framesLearnt: 1 });
    expect(readdirSync(folder)).toContain(`${name}.unreadable`);
  });
});

test("each model and recipe is watched on its own", async () => {
  const folder = temporaryFolder();
  const recipe = recipeWith();
  const open = openWatch(folder, recipe, { referenceFrames: 100 });
  await show(open, recipe, null, { from: 0, to: 101 });
  const other: Recipe = { ...recipe, bundle: { ...recipe.bundle, modelSha256: "cd".repeat(32) } };
  open.watch.observe({ recipe: other, ...simulatedFrame(1, null) });
  await settled();
  expect(open.watch.status()).toMatchObject({ state: "watching", framesLearnt: 100 });
});

const CERTIFICATE: EscapeCertificate = {
  ...{ maxEscape: 0.01, confidence: 0.95, parts: 500, escapes: 0, passBelow: 0.2, overkill: null },
  ...{ modelSha256: SHA256, calibrationSetSha256: "00".repeat(32), issuedAt: "2026-01-01T00:00:00Z" },
};

test("an alarm voids the certificate until an engineer acknowledges it; while the change lasts it comes again", async () => {
  const recipe = recipeWith({ certificate: CERTIFICATE });
  const open = openWatch(temporaryFolder(), recipe, { referenceFrames: REFERENCE_FRAMES });
  const standing = () => certificateStanding(recipe, open.watch.status().alarms);
  const drift = { ...QUIET, lampLoss: 0.3 };
  const at = (await show(open, recipe, drift, { from: 0, to: 400 })) ?? 0;
  expect(standing()).toMatchObject({ valid: false, maxEscape: 0.01 });
  expect(standing()?.sentence).toMatch(
    /^The certificate is void while the line looks otherwise than it did: The images/,
  );
  expect(await open.watch.acknowledge("Ada", "lamp cleaned")).toBeGreaterThan(0);
  expect(standing()).toMatchObject({
    valid: true,
    sentence: "At most 1 % of defective parts pass, with 95 % confidence.",
  });
  expect(open.audits.at(-1)).toMatchObject({ by: "Ada", detail: { note: "lamp cleaned" } });
  expect(await open.watch.acknowledge("Ada", "")).toBe(0);
  expect(await show(open, recipe, drift, { from: at + 1, to: at + 200 })).not.toBeNull();
  expect(standing()?.valid).toBe(false);
});

test("a reference learnt anew takes the line as it is now: the certificate holds when it is learnt, not before", async () => {
  const recipe = recipeWith({ certificate: CERTIFICATE });
  const open = openWatch(temporaryFolder(), recipe, { referenceFrames: REFERENCE_FRAMES });
  const drift = { ...QUIET, lampLoss: 0.3 };
  const at = (await show(open, recipe, drift, { from: 0, to: 400 })) ?? 0;
  expect(await open.watch.relearn("Ada", "new lamp")).toBe(true);
  await show(open, recipe, drift, { from: at + 1, to: at + 100 });
  expect(open.watch.status()).toMatchObject({ state: "alarm" });
  expect(open.watch.status().sentence).toMatch(/being learnt: \d+ of 200/);
  const again = await show(open, recipe, drift, { from: at + 100, to: at + 1000 });
  expect(again).toBeNull();
  expect(open.watch.status()).toMatchObject({ state: "watching", alarms: [] });
  expect(certificateStanding(recipe, open.watch.status().alarms)?.valid).toBe(true);
});

test("a certificate of other limits than the recipe's stays void whatever the line looks like", () => {
  const recipe = recipeWith({ certificate: CERTIFICATE });
  const daring = { ...recipe, rules: { passBelow: 0.5, rejectFrom: 0.7 } };
  expect(certificateStanding(daring, [])).toMatchObject({ valid: false });
  expect(certificateStanding(recipeWith(), [])).toBeNull();
});

test("the device says how far the line is from the frames its model was tested on, without an alarm", async () => {
  const tested = Array.from(
    { length: 150 },
    (_, index) => simulatedFrame(index, { ...QUIET, lampLoss: 0 }).observation,
  );
  const recipe = recipeWith({ driftBaseline: driftReference(tested, 1) });
  const usual = openWatch(temporaryFolder(), recipe, { referenceFrames: 100 });
  await show(usual, recipe, null, { from: 1000, to: 1101 });
  expect(usual.watch.status().comparison).toBe("The line's frames look like those the model was tested on.");
  const darker = openWatch(temporaryFolder(), recipe, { referenceFrames: 100 });
  const alarms: readonly DriftAlarm[] = darker.alarms;
  await show(darker, recipe, { ...QUIET, from: { part: 0 }, lampLoss: 0.3 }, { from: 1000, to: 1101 });
  expect(darker.watch.status().comparison).toMatch(
    /differ from those the model was tested on: the mean brightness \(0 to 255\) is \d+\.\d, there \d+\.\d/,
  );
  expect(alarms).toEqual([]);
});
