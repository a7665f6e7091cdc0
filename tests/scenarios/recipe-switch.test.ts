import { join } from "node:path";
import { expect, it } from "vitest";
import type { Verdict } from "../../src/contracts/verdict.ts";
import { Mosquitto } from "../pipeline/publish/mosquitto.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { put, texturedPicture } from "./support/pictures.ts";
import { ROOT, Station, temporaryDirectory, TINY_BUNDLE } from "./support/station.ts";
import { Subscriber } from "./support/subscriber.ts";

const SWITCHES = 10;

/** One rejects everything and one passes everything, so that each verdict tells which of them judged. */
const RECIPES = [
  { name: "strict", model: TINY_BUNDLE, passBelow: 0, rejectFrom: 0 },
  { name: "lenient", model: TINY_BUNDLE, passBelow: 1, rejectFrom: 1 },
];

/** Which recipe judged, from frame to frame, repetitions left out. */
function recipesInTurn(verdicts: readonly Verdict[]): string[] {
  const byFrame = verdicts.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  const kinds = byFrame.map(({ verdict }) =>
    verdict === "reject" ? "strict" : verdict === "pass" ? "lenient" : verdict,
  );
  return kinds.filter((kind, at) => kind !== kinds[at - 1]);
}

it("switches recipes by command between two parts under load, acknowledges each, and keeps the choice", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  // One middling part for ever: an NG score of 1 would be rejected by a lenient recipe too.
  const picture = join(temporaryDirectory(), "part.png");
  put(picture, await texturedPicture({ widthPx: 96, heightPx: 96, grey: 128 }).png().toBuffer());
  const station = new Station({
    camera: { type: "directory", path: picture, mode: "loop" },
    recipes: RECIPES,
    inference: { provider: "cpu", processes: 2 },
    mqtt: { url: broker.url, root: ROOT },
  });
  const boot = await station.boot();
  for (let at = 1; at <= SWITCHES; at++) {
    const recipe = at % 2 === 1 ? "lenient" : "strict";
    const verdicts = plc.arrivals.length;
    await expect.poll(() => plc.arrivals.length, { timeout: 20_000 }).toBeGreaterThan(verdicts + 10);
    const properties = at === 1 ? {} : { responseTopic: `replies/${at}`, correlationData: Buffer.from(`switch-${at}`) };
    await plc.send("command", { id: `command-${at}`, command: "recipe", recipe }, properties);
    await expect.poll(() => plc.replies.length, { timeout: 10_000 }).toBe(at);
    expect(plc.replies.at(-1)).toMatchObject({
      topic: at === 1 ? `${ROOT}/station-1/command/reply` : `replies/${at}`,
      correlation: at === 1 ? undefined : `switch-${at}`,
      reply: { schema: 1, id: `command-${at}`, ok: true },
    });
  }
  await plc.send("command", { id: "unknown", command: "recipe", recipe: "lenint" });
  await expect.poll(() => plc.replies.at(-1)?.reply, { timeout: 10_000 }).toMatchObject({ id: "unknown", ok: false });
  expect(plc.replies.at(-1)?.reply.message).toMatch(/lenint.*strict, lenient/);
  await plc.send("command", { id: "odd", command: "dance" });
  await expect.poll(() => plc.replies.at(-1)?.reply, { timeout: 10_000 }).toMatchObject({ id: "odd", ok: false });
  const verdicts = plc.arrivals.length;
  await plc.send("command", { id: "last", command: "recipe", recipe: "lenient" });
  await expect.poll(() => plc.replies.at(-1)?.reply, { timeout: 10_000 }).toMatchObject({ id: "last", ok: true });
  await expect.poll(() => plc.state?.recipe, { timeout: 5000 }).toBe("lenient");
  await expect.poll(() => plc.arrivals.length, { timeout: 20_000 }).toBeGreaterThan(verdicts + 10);
  expect(await boot.stop()).toMatchObject({ code: 0 });

  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  await expect.poll(() => plc.byId.size).toBe(ledger.verdicts.length);
  const turns = Array.from({ length: SWITCHES + 2 }, (_, at) => (at % 2 === 0 ? "strict" : "lenient"));
  expect(recipesInTurn(ledger.verdicts)).toEqual(turns);

  const next = await station.boot();
  expect((await next.status()).recipe).toBe("lenient");
  expect(await next.stop()).toMatchObject({ code: 0 });
});

it("starts with the recipes that can be used and says which cannot, but not without the active one", async () => {
  const broken = { name: "broken", model: "/nowhere/bundle" };
  const boot = await new Station({ recipes: [...RECIPES, broken] }).boot();
  await expect.poll(async () => (await boot.status()).state, { timeout: 20_000 }).toBe("degraded");
  const { problems, recipes } = await boot.status();
  expect(recipes).toEqual(["strict", "lenient"]);
  expect(problems).toMatchObject([{ code: "recipe-refused" }]);
  expect(problems[0]?.sentence).toContain("/nowhere/bundle");
  const refused = await boot.post("/api/v1/recipe", { recipe: "broken" });
  expect(refused.status).toBe(404);
  expect(await boot.stop()).toMatchObject({ code: 0 });

  const hopeless = new Station({ recipes: [broken, ...RECIPES] }).begin();
  expect(await hopeless.exit).toEqual({ code: 1, signal: null });
  expect(hopeless.text()).toContain("/nowhere/bundle");
});
