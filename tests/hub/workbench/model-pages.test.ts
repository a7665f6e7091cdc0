import { cpSync, mkdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { importModel, setActiveModel } from "../../../src/hub/models/model-versions.ts";
import { LeaseTable } from "../../../src/hub/jobs/lease-table.ts";
import { addRelease, changeRelease, releaseById } from "../../../src/hub/releases/releases.ts";
import { gatesOf } from "../../../src/hub/releases/gates.ts";
import { RolloutCriteria } from "../../../src/hub/releases/rollout-step.ts";
import { FolderStore } from "../../../src/hub/store/folder-store.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { hasChromium, launchChromium } from "../../edge/status/page-in-chromium.ts";
import { axeFindings } from "./workbench-in-chromium.ts";
import { HubUnderTest, PASSWORD, PROJECT, temporaryFolder } from "../support/running-hub.ts";
import { makeBases, makeVersion, nameClasses, sendTiles } from "../support/tiny-models.ts";

const TINY = new URL("../../fixtures/tiny-bundle", import.meta.url).pathname;
const ARTEFACTS = fileURLToPath(new URL("../../artefacts/", import.meta.url));
const MINUTE = 60_000;

let browser: Browser | undefined;
beforeAll(async () => {
  if (hasChromium) browser = await launchChromium();
});
afterAll(() => browser?.close());

function requireBrowser(): Browser {
  if (browser === undefined) throw new Error("the browser was not started");
  return browser;
}

async function addModel(hub: HubUnderTest, version: string): Promise<string> {
  const path = join(temporaryFolder(), `bundle-${version}`);
  cpSync(TINY, path, { recursive: true });
  const manifest = JSON.parse(await readFile(join(path, "manifest.json"), "utf8"));
  await writeFile(join(path, "manifest.json"), JSON.stringify({ ...manifest, name: PROJECT, version }));
  const models = new FolderStore(join(hub.folder, "data", "models"));
  const act = { by: "engineer", at: Date.now() };
  return importModel({ database: hub.database, models }, { project: PROJECT, folder: path, active: false }, act);
}

const share = (wrongParts: number, parts: number) => ({
  ...{ parts, wrongParts, share: wrongParts / parts, frames: parts, wrongFrames: wrongParts },
  interval: { low: Math.max(0, wrongParts / parts - 0.05), high: wrongParts / parts + 0.07 },
});

async function addEvaluation(hub: HubUnderTest, model: string, dataset: string, wrong: (at: number) => boolean) {
  const { query } = hub.database;
  const listed = await query.selectFrom("dataset_items").select("json").orderBy("image_sha256").execute();
  const items = listed.map(({ json }) => JSON.parse(json) as { image: string; label: string });
  const auroc = { value: 0.97, interval: { low: 0.93, high: 0.99 } };
  const figures = {
    ...{ frames: items.length, parts: { good: 12, defective: 12 }, model: { bytes: 3_100_000 } },
    quality: {
      ...{ auroc, averagePrecision: auroc, balancedAccuracy: auroc },
      ...{ escape: share(1, 12), overkill: share(2, 12), review: share(1, 24) },
    },
    agreement: { verdicts: 0.99, classes: 1, largestScoreChange: 0.01, float32Auroc: 0.972 },
    speed: [{ threads: 1, p50Ms: 8.1, p99Ms: 9.6 }],
  };
  await query
    .insertInto("evaluations")
    .values({
      ...{ model_id: model, dataset_sha256: dataset, frames: items.length, shared_parts: 0, at: Date.now() },
      figures_json: JSON.stringify(figures),
    })
    .execute();
  const rows = items.map(({ image, label }, at) => {
    const good = label === "free";
    return {
      ...{
        model_id: model,
        dataset_sha256: dataset,
        image_sha256: image,
        class: label,
        ng_score: wrong(at) ? 0.4 : 0.9,
      },
      verdict: good === wrong(at) ? "reject" : "pass",
    };
  });
  await query.insertInto("evaluation_frames").values(rows).execute();
}

/** A hub in the middle of it all: a run under way, two judged models, a canary, an alarm. */
async function busyHub(): Promise<HubUnderTest> {
  const hub = await HubUnderTest.start({ training: { workers: 0, bases: makeBases(temporaryFolder()) } });
  await nameClasses(hub.database);
  await sendTiles(hub, 24);
  const dataset = await makeVersion(hub);
  const { query } = hub.database;
  const now = Date.now();
  const marked = {
    dataset_sha256: dataset,
    project_id: PROJECT,
    side: "all" as const,
    marked_by: "engineer",
    marked_at: now,
  };
  await query.insertInto("test_sets").values(marked).execute();
  const [active, candidate] = [await addModel(hub, "1.0.0"), await addModel(hub, "1.1.0")];
  await setActiveModel(query, { project: PROJECT, modelId: active }, { by: "engineer", at: now });
  await addEvaluation(hub, active, dataset, (at) => at % 4 === 0);
  await addEvaluation(hub, candidate, dataset, (at) => at % 11 === 1);

  await query.insertInto("model_numbers").values({ project_id: PROJECT, last: 2 }).execute();
  const table = new LeaseTable(hub.database, systemClock);
  const options = {
    layers: "gradual",
    sizePx: 224,
    epochs: null,
    seed: 1,
    augment: "standard",
    grid: null,
    resumeOf: null,
  };
  const payload = {
    project: PROJECT,
    datasetSha256: dataset,
    base: active,
    name: PROJECT,
    version: "1.2.0",
    ...options,
  };
  const job = await table.add({
    kind: "train",
    project: PROJECT,
    payload: { ...payload, note: "glare of the late shift" },
    by: "engineer",
  });
  const lease = await table.claim("worker", ["train"]);
  if (lease === null) throw new Error("no lease");
  await table.heartbeat(lease, {
    progress: 0.37,
    message: "fine-tuning (held-out) 180/400, loss 0.412, held out 0.503",
  });
  const points = Array.from({ length: 180 }, (_, at) => ({
    ...{ job_id: job.id, stage: "fine-tuning (held-out)", step: at + 1, total: 400, at: now + at, fencing_token: 1 },
    loss: 0.4 + 0.9 * Math.exp(-at / 40) + 0.06 * Math.sin(at * 1.7),
    held_out_loss: at < 20 ? null : 0.5 + 0.6 * Math.exp(-Math.floor(at / 20) / 2),
  }));
  await query.insertInto("training_points").values(points).execute();

  const gates = gatesOf({
    ...{ candidate: `${PROJECT} 1.1.0`, against: null, activeModel: null, certificate: null, certificateFault: null },
    judged: {
      sharedParts: 0,
      auroc: 0.97,
      float32: { auroc: 0.972, sameVerdicts: 0.99 },
      p99Ms: 9.6,
      modelBytes: 3_100_000,
    },
    wanted: { maxEscape: 0.01, confidence: 0.95, taktMs: 20 },
  });
  const id = await addRelease(
    hub.database,
    {
      ...{ project: PROJECT, product: PROJECT, modelId: candidate, number: 2, backFrom: null, lines: ["line1"] },
      ...{ canaries: ["station-0"], criteria: RolloutCriteria.parse({}), gates, automatic: true, createdBy: "admin" },
      ...{
        overrideReason: "pilot line, every part is checked by hand",
        reason: "less overkill at the chamfer",
        sentence: "",
      },
    },
    now - 90 * MINUTE,
  );
  const release = await releaseById(hub.database, id);
  if (release === null) throw new Error("no release");
  const sentence = "0 of 1 devices run it; station-0 not yet.";
  await changeRelease(
    hub.database,
    release,
    { state: "rolling", stage: "canary", sentence },
    { by: "hub", at: now - 20 * MINUTE },
  );

  const report = {
    ...{ schema: 1, device: "station-0", at: new Date(now).toISOString(), last: null },
    active: { name: PROJECT, version: "1.0.0", sha256: "a".repeat(64) },
    candidate: {
      ...{ name: PROJECT, version: "1.1.0", sha256: "b".repeat(64), phase: "trial", parts: 140, wanted: 500 },
      ...{ disagreements: 3, note: "360 parts are left" },
    },
  };
  await query
    .insertInto("device_reports")
    .values({ device_id: "station-0", at: now, received_at: now, json: JSON.stringify(report) })
    .execute();
  const alarm = {
    ...{ schema: 1, device: "station-0", at: new Date(now).toISOString(), stream: "brightness", direction: "down" },
    ...{ usual: 121.4, now: 92.8, framesSinceStart: 420 },
    sentence:
      "The images have become darker: look at the lamp, a dirty window, exposure. The mean brightness is 92.8, usually 121.4.",
  };
  await query
    .insertInto("drift_alarms")
    .values({
      device_id: "station-0",
      stream: "brightness",
      direction: "down",
      at: now,
      received_at: now,
      json: JSON.stringify(alarm),
      seen_at: null,
      seen_by: null,
    })
    .execute();
  return hub;
}

async function signIn(hub: HubUnderTest): Promise<{ page: Page; complaints: string[] }> {
  const page = await (
    await requireBrowser().newContext({ viewport: { width: 1366, height: 860 }, locale: "en-GB" })
  ).newPage();
  onTestFinished(() => page.context().close());
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("401")) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(hub.url);
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator(".shell").waitFor();
  return { page, complaints };
}

test.skipIf(!hasChromium)(
  "runs, comparison, releases and fleet show what is under way, without a complaint",
  async () => {
    const hub = await busyHub();
    const { page, complaints } = await signIn(hub);
    mkdirSync(ARTEFACTS, { recursive: true });
    const open = async (screen: string, wait: string): Promise<string> => {
      await page.goto(`${hub.url}/#/${screen}`);
      await page.locator(wait).first().waitFor();
      await page.screenshot({ path: `${ARTEFACTS}workbench-${screen}.png`, fullPage: true });
      expect({ screen, found: await axeFindings(page) }).toEqual({ screen, found: [] });
      return page.locator("main").innerText();
    };
    expect(await open("runs", ".loss-curves svg")).toMatch(/tiles 1\.2\.0[\s\S]*glare of the late shift[\s\S]*37 %/);
    expect(await open("compare", ".turned")).toMatch(/Of 24 parts, \d+ that were judged wrong are right now/);
    expect(await page.locator(".turned.fixed img").count()).toBeGreaterThan(0);
    expect(await open("releases", ".release")).toMatch(
      /This hub|tiles 1\.1\.0[\s\S]*Release 2[\s\S]*under way[\s\S]*Canary/,
    );
    const fleet = await open("fleet", ".alarms li");
    expect(fleet).toMatch(/trial: 140 parts, 3 otherwise/);
    expect(fleet).toMatch(/How the lines do[\s\S]*parts; \d+ audited/);
    await page.locator(".alarms button").click();
    await page.locator(".alarms .seen").waitFor();

    await page.goto(`${hub.url}/#/runs`);
    await page.locator("button.primary").click();
    await page.locator("dialog select[name=base]").waitFor();
    await page.screenshot({ path: `${ARTEFACTS}workbench-training-dialog.png` });
    await page.locator("dialog button.primary").click();
    await page.getByText("tiles 1.3.0").first().waitFor();
    expect(complaints).toEqual([]);
  },
  60_000,
);
