import { expect, onTestFinished, test } from "vitest";
import type { LineHealth } from "../../../src/hub/watch/line-health.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { labelCase } from "../../../src/hub/cases/label-cases.ts";
import { caseOf, jpegOf, verdictOf } from "../support/hard-cases.ts";
import { hasChromium, launchChromium } from "../../edge/status/page-in-chromium.ts";
import { axeFindings, keepScreenshot, openScreen, openWorkbench, signIn } from "../workbench/workbench-in-chromium.ts";
import { HubUnderTest, PASSWORD, PROJECT, type Sender } from "../support/running-hub.ts";
import { nameClasses, TILE_CLASSES } from "../support/tiny-models.ts";

const PARTS = 1200;
/** Every so many parts go to the hub as audit. */
const AUDIT_EVERY = 12;

interface Line {
  /** From this part on the model is surely wrong: its scores say good of what is defective. */
  readonly blindFrom: number;
}

/** A part in five is defective; good parts score about 0.005, defective ones about 0.99. */
const isDefective = (part: number): boolean => part % 5 === 0;

function judged(device: string, part: number, { blindFrom }: Line): Verdict {
  const sees = part < blindFrom;
  const score = (isDefective(part) && sees ? 0.98 : 0) + (part % 11) / 1000;
  const verdict = score < 0.2 ? "pass" : score >= 0.7 ? "reject" : "review";
  const base = verdictOf({ device, verdictSeq: part });
  const at = new Date(Date.now() - (PARTS - part) * 1000).toISOString();
  const scores = { free: 1 - score, crack: score };
  return {
    ...base,
    ...{ capturedAt: at, decidedAt: at, verdict, class: verdict === "pass" ? "free" : "crack", score, scores },
    hardCase: part % AUDIT_EVERY === 0 ? ["audit"] : [],
  } as Verdict;
}

async function inspect(hub: HubUnderTest, sender: Sender, line: Line): Promise<void> {
  const verdicts = Array.from({ length: PARTS }, (_, at) => judged(sender.device, at + 1, line));
  for (let from = 0; from < PARTS; from += 400)
    expect((await sender.postVerdicts(verdicts.slice(from, from + 400))).status).toBe(200);
  for (const verdict of verdicts.filter(({ hardCase }) => hardCase.includes("audit"))) {
    const image = await jpegOf(verdict.verdictSeq);
    expect((await sender.putImage(image)).status).toBeLessThan(300);
    const glare = verdict.verdictSeq < line.blindFrom ? verdict.verdictSeq % 7 : 50 + (verdict.verdictSeq % 7);
    const body = { ...caseOf(verdict, image), reasons: ["audit"], selectionProbability: 1 / AUDIT_EVERY };
    expect((await sender.putCase({ ...body, metadata: { glare } })).status).toBeLessThan(300);
    await labelCase(hub.database, {
      ...{ caseId: verdict.id, label: isDefective(verdict.verdictSeq) ? "defect" : "free", by: "labeller" },
      ...{ at: Date.now(), blind: false, boxes: [], classes: TILE_CLASSES },
    });
  }
}

test("the audit shows where the scores of a line are not to be believed, and what has changed there", async () => {
  const hub = await HubUnderTest.start();
  await nameClasses(hub.database);
  await inspect(hub, await hub.enrol("well"), { blindFrom: Infinity });
  await inspect(hub, await hub.enrol("blind"), { blindFrom: 601 });
  await hub.enrol("new");
  const viewer = await hub.signIn("viewer");
  const answer = await viewer.get(`/api/v1/line-health?project=${PROJECT}`);
  expect(answer.status, await answer.clone().text()).toBe(200);
  const { lines } = (await answer.json()) as { lines: LineHealth[] };
  const of = (device: string): LineHealth => lines.find((line) => line.device === device) ?? expect.fail(device);

  expect(of("well").audited).toMatchObject({ parts: 100, scoresAgree: true, escapes: { hits: 0, trials: 20 } });
  expect(of("well").labelFree?.escapes.share).toBeLessThan(0.3);
  expect(of("well").features.filter(({ changed }) => changed)).toEqual([]);
  expect(of("well").sentence).toMatch(
    /^On 100 audited parts the scores expected 0.4 escapes and 0.3 overkill; counted were 0 and 0\./,
  );

  const blind = of("blind");
  // Ten of the twenty audited defective parts came after it went blind.
  expect(blind.audited).toMatchObject({ scoresAgree: false, escapes: { hits: 10, trials: 20 } });
  expect(blind.labelFree?.parts).toBe(1000);
  expect(blind.labelFree?.escapes.interval.high).toBeLessThan(blind.audited?.escapes.interval.low ?? 0);
  expect(blind.features.filter(({ changed }) => changed).map(({ feature }) => feature)).toEqual(
    expect.arrayContaining(["verdict reject", "class crack", "NG score"]),
  );
  expect(blind.sentence).toContain("do not believe the estimate");

  expect(of("new")).toMatchObject({ model: null, labelFree: null, audited: null, features: [] });
  if (hasChromium) await seeFleet(hub);
});

/** What a central team sees of it. */
async function seeFleet(hub: HubUnderTest): Promise<void> {
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const { page, complaints } = await openWorkbench(browser, hub.url, { user: null });
  await signIn(page, "viewer", PASSWORD);
  await openScreen(page, "fleet", "main summary");
  expect(await page.locator("main").innerText()).toMatch(/do not believe the estimate/);
  await page.locator("main summary").click();
  await page.getByText("verdict reject").first().waitFor();
  await keepScreenshot(page, "line-health");
  expect(await axeFindings(page)).toEqual([]);
  expect(complaints).toEqual([]);
}
