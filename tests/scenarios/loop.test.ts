import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { type LoopEvent, LOOP_STEPS } from "../../src/commands/demo/loop-step.ts";
import type { TruthTally } from "../../src/commands/demo/truth-tally.ts";
import { BundleManifest } from "../../src/contracts/model-bundle.ts";
import { openDatabase } from "../../src/hub/store/database.ts";
import { hasChromium, launchChromium } from "../edge/status/page-in-chromium.ts";
import { axeFindings } from "../hub/workbench/workbench-in-chromium.ts";
import { expectSquare, type Ledger, readLedger } from "./support/ledger.ts";
import { Boot, temporaryDirectory } from "./support/station.ts";

const ARTEFACTS = fileURLToPath(new URL("../artefacts/", import.meta.url));
const MINUTE = 60_000;

/** The whole loop takes four minutes on a quiet machine with two cores. */
it(
  "npm start turns the loop: drift, alarm, labels, retraining, signature, shadow, canary, fleet, and fewer errors",
  { timeout: 18 * MINUTE },
  async () => {
    const directory = join(temporaryDirectory(), "demo");
    const ports = ["--port", "0", "--hub-port", "0", "--broker-port", "0"];
    const boot = Boot.spawn(["demo", "--data", directory, "--json", ...ports], { upMessage: "hub is up" });
    await boot.up;
    const events = (): LoopEvent[] =>
      boot.log.filter(({ step, level }) => step !== undefined && level === undefined) as unknown as LoopEvent[];
    const standsStill = (): unknown => boot.log.find(({ msg }) => msg === "the loop of the demonstration stands still");
    const reached = async (step: string): Promise<LoopEvent> => {
      for (;;) {
        const event = events().find((each) => each.step === step);
        if (event !== undefined) return event;
        if (standsStill() !== undefined || boot.process.exitCode !== null) throw new Error(boot.text());
        await setTimeout(500);
      }
    };
    await reached("shadow");
    await lookAtPage(boot);
    const result = await reached("result");
    expect([...new Set(events().map(({ step }) => step))]).toEqual(LOOP_STEPS);
    const { drifted, after } = result.figures as { drifted: TruthTally; after: TruthTally };
    const errorRate = ({ escapes, overkills, defectiveParts, goodParts }: TruthTally): number =>
      (escapes + overkills) / (defectiveParts + goodParts);
    expect(drifted.defectiveParts).toBeGreaterThan(20);
    expect(after.defectiveParts).toBeGreaterThan(20);
    expect(errorRate(after), result.sentence).toBeLessThan(errorRate(drifted));
    expect(await boot.stop("SIGINT")).toMatchObject({ code: 0 });

    const ledger = readLedger(directory);
    expectSquare(ledger);
    const versions = versionsIn(ledger);
    const [shipped, retrained = ""] = versions;
    const manifest = await readFile(new URL("../../models/tile-surface/manifest.json", import.meta.url), "utf8");
    expect(versions).toHaveLength(2);
    expect(shipped).toBe(BundleManifest.parse(JSON.parse(manifest)).version);
    const second = readLedger(join(directory, "station-2"));
    expectSquare(second);
    expect(versionsIn(second)).toEqual(versions);
    // The canary first, then the fleet.
    expect(firstOf(second, retrained)).toBeGreaterThan(firstOf(ledger, retrained));
    const database = await openDatabase({ engine: "sqlite", path: join(directory, "hub", "hub.sqlite") });
    onTestFinished(() => database.close());
    const { query } = database;
    const labels = await query.selectFrom("labels").select("by_user").distinct().execute();
    expect(labels).toEqual([{ by_user: "simulator-ground-truth" }]);
    const releases = await query.selectFrom("releases").select(["state", "stage", "override_reason"]).execute();
    expect(releases).toMatchObject([{ state: "done", stage: "fleet" }]);
    expect(await query.selectFrom("drift_alarms").select("row").execute()).not.toHaveLength(0);
  },
);

const versionsIn = ({ verdicts }: Ledger): string[] =>
  [...new Set(verdicts.map(({ model }) => model?.version ?? ""))].filter((version) => version !== "");

const firstOf = ({ verdicts }: Ledger, version: string): number =>
  Date.parse(verdicts.find(({ model }) => model?.version === version)?.decidedAt ?? "");

async function lookAtPage(boot: Boot): Promise<void> {
  if (!hasChromium) return;
  const text = boot.log.map(({ msg }) => String(msg)).join("\n");
  const [, url = "", password = ""] = /workbench +(\S+) +\(sign in as demo, password (\S+)\)/.exec(text) ?? [];
  const browser = await launchChromium();
  try {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme })).newPage();
      await page.goto(url);
      await page.locator('input[name="name"]').fill("demo");
      await page.locator('input[name="password"]').fill(password);
      await page.locator('input[name="password"]').press("Enter");
      await page.locator(".shell").waitFor();
      await page.goto(`${url}/#/loop`);
      await page.locator('.loop-station[aria-current="step"]').waitFor({ timeout: MINUTE });
      expect(await page.locator(".loop-station").count()).toBe(7);
      await expect.poll(() => page.locator(".loop-note").textContent()).toContain("simulator");
      expect(await axeFindings(page)).toEqual([]);
      await page.screenshot({ path: join(ARTEFACTS, `loop-${colorScheme}.png`) });
    }
  } finally {
    await browser.close();
  }
}
