import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FakeDevice } from "../../fakes/fake-device.ts";
import { hasChromium, keepScreenshot, launchChromium, lowContrasts, openPage } from "./page-in-chromium.ts";
import { serveFakeDevice, type ServedDevice } from "./serve-fake-device.ts";

const AA_CONTRAST = 4.5;
const SCREENS = { phone: [360, 740], laptop: [1366, 768], desk: [1920, 1080], wall: [3840, 2160] } as const;
let browser: Browser;
let served: ServedDevice;

function fill(device: FakeDevice): void {
  for (let part = 0; part < 40; part++) {
    device.inspect({
      kind: part % 9 === 4 ? "reject" : part % 13 === 5 ? "review" : "pass",
      agoMs: (40 - part) * 2_700,
    });
  }
}

const face = (page: Page, kind: string) => page.locator(`#face[data-kind="${kind}"]`);
const actsOf = (device: FakeDevice, action: string) =>
  device.acts.filter((act) => act.action === action).map((act) => act.detail);

describe.skipIf(!hasChromium)("the status page in Chromium", () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    served = await serveFakeDevice();
    fill(served.device);
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await served.server.stop();
  });

  test("each verdict shows at once in word, icon and colour, with its frame, heatmap and boxes", async () => {
    const { page, complaints, foreignRequests } = await openPage(browser, served.url);
    const fills = new Set<string>();
    for (const kind of ["pass", "reject", "review", "fault"] as const) {
      const verdict = served.device.inspect({ kind });
      await face(page, kind).waitFor();
      expect((await page.locator("#call-word").innerText()).toLowerCase()).toBe(kind);
      expect(await page.locator("#call-icon").getAttribute("href")).toBe(`#icon-${kind}`);
      await expect
        .poll(() =>
          page
            .locator("#face")
            .evaluate((element) => {
              return getComputedStyle(element).backgroundColor;
            })
            .then((colour) => fills.has(colour)),
        )
        .toBe(false);
      fills.add(await page.locator("#face").evaluate((element) => getComputedStyle(element).backgroundColor));
      await page.locator(`#stage[data-verdict="${verdict.id}"]`).waitFor();
      expect(await page.locator(".picture img").getAttribute("alt")).toBe(`Frame of part ${verdict.part}: ${kind}`);
      expect(await page.locator(".box").count()).toBe(verdict.regions.length);
      expect(await page.locator("#which").innerText()).toContain(verdict.part);
    }
    expect(await page.locator("#finding").innerText()).toBe("The image is too dark");
    expect(await page.locator("#todo").innerText()).toContain("lighting");
    await expect.poll(() => page.locator("#attention").innerText()).toContain("The image is too dark");
    await expect.poll(() => page.locator("#counts").innerText()).toMatch(/Fault\s+1/);
    expect(complaints).toEqual([]);
    expect(foreignRequests).toEqual([]);
  });

  test("after a restart no pass of the boot before stands in the face", async () => {
    const { page } = await openPage(browser, served.url);
    const before = served.device.inspect({ kind: "pass" });
    await face(page, "pass").waitFor();
    served.device.restart();
    await face(page, "waiting").waitFor();
    await page.locator(`#parts button[data-id="${before.id}"]`).waitFor(); // the list shows it: it was read again
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    expect(await page.locator("#face").getAttribute("data-kind")).toBe("waiting");
    served.device.inspect({ kind: "pass" });
    await face(page, "pass").waitFor();
  });

  test("a reject on a fast line stays in view long enough to be seen, the list shows all", async () => {
    const { page } = await openPage(browser, served.url);
    const reject = served.device.inspect({ kind: "reject" });
    await face(page, "reject").waitFor();
    const last = served.device.inspect({ kind: "pass" });
    await page.locator(`#parts button[data-id="${last.id}"]`).waitFor();
    expect(await page.locator("#which").innerText()).toContain(reject.part);
    await face(page, "pass").waitFor();
    expect(await page.locator("#which").innerText()).toContain(last.part);
  });

  test("parts skipped on a very fast line are fetched into the list", async () => {
    const { page } = await openPage(browser, served.url);
    const burst = Array.from({ length: 20 }, () => served.device.inspect({ kind: "pass" }));
    for (const { id } of burst) await page.locator(`#parts button[data-id="${id}"]`).waitFor();
  });

  test("F flags the latest part; a selected part is flagged instead until Escape", async () => {
    const { page, complaints } = await openPage(browser, served.url);
    const older = served.device.inspect({ kind: "reject" });
    await face(page, "reject").waitFor();
    await page.keyboard.press("f");
    await page.locator(".toast.good").waitFor();
    const newer = served.device.inspect({ kind: "review" });
    await face(page, "review").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.locator("#acts-on").innerText()).toContain(`selected part, ${older.part}`);
    await page.keyboard.press("f");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("#acts-on").innerText()).toContain(`latest part, ${newer.part}`);
    await page.keyboard.press("f");
    await expect
      .poll(() => actsOf(served.device, "flag").map((act) => act["verdictId"]))
      .toEqual([older.id, older.id, newer.id]);
    expect(complaints).toEqual([]);
  });

  test("O overrides by keyboard alone: a reason is demanded, the name is remembered", async () => {
    const { page, complaints } = await openPage(browser, served.url);
    const reject = served.device.inspect({ kind: "reject" });
    await face(page, "reject").waitFor();
    await page.keyboard.press("o");
    await page.locator("#override-dialog[open]").waitFor();
    served.device.inspect({ kind: "fault" }); // the dialog keeps to its part
    await page.keyboard.press("Enter");
    expect(await page.locator("#override-error").innerText()).toContain("at least 3");
    await page.keyboard.type("Only dust f o h");
    await page.keyboard.press("Tab");
    await page.keyboard.type("Ada");
    await page.keyboard.press("Enter");
    await expect
      .poll(() => actsOf(served.device, "override"))
      .toEqual([{ verdictId: reject.id, verdict: "pass", reason: "Only dust f o h", by: "Ada" }]);
    await page.locator("#override-dialog:not([open])").waitFor({ state: "attached" });
    expect(await page.locator(".toast.good").innerText()).toContain(reject.part);
    await page.keyboard.press("f");
    await expect.poll(() => actsOf(served.device, "flag")[0]?.["by"]).toBe("Ada");
    expect(complaints).toEqual([]);
  });

  test("a part's details open from the list, and what the device refuses is told in its words", async () => {
    const { page } = await openPage(browser, served.url);
    const reject = served.device.inspect({ kind: "reject" });
    await page.locator(`#parts button[data-id="${reject.id}"]`).click();
    const details = page.locator("#details-dialog[open]");
    await expect.poll(() => details.innerText()).toContain(reject.id);
    await page.keyboard.press("Escape");
    served.device.behaviour.refuseCommands = "The audit trail cannot be written.";
    await page.locator("#flag").click();
    expect(await page.locator(".toast.bad").innerText()).toContain("The audit trail cannot be written.");
  });

  test("the recipe is switched after a question", async () => {
    const { page } = await openPage(browser, served.url);
    await page.locator("#recipe").selectOption("tile-edge");
    await page.locator('#ask-dialog button[value="cancel"]').click();
    await expect.poll(() => page.locator("#recipe").inputValue()).toBe("tile-surface");
    expect(served.device.recipe).toBe("tile-surface");
    await page.locator("#recipe").selectOption("tile-edge");
    await page.locator("#ask-yes").click();
    await expect.poll(() => served.device.recipe).toBe("tile-edge");
  });

  test("where a write token is set, the page asks for it once", async () => {
    const guarded = await serveFakeDevice({ writeToken: "s3cret" });
    try {
      guarded.device.inspect({ kind: "reject" });
      const { page } = await openPage(browser, guarded.url);
      await face(page, "reject").waitFor();
      await page.keyboard.press("f");
      await page.locator('#ask-dialog input[name="token"]').fill("s3cret");
      await page.keyboard.press("Enter");
      await expect.poll(() => actsOf(guarded.device, "flag").length).toBe(1);
      await page.locator("#flag").click();
      await expect.poll(() => actsOf(guarded.device, "flag").length).toBe(2);
    } finally {
      await guarded.server.stop();
    }
  });

  test("H hides the heatmap; single keys can be switched off", async () => {
    const { page } = await openPage(browser, served.url);
    served.device.inspect({ kind: "reject" });
    await page.locator(".heat").waitFor();
    await page.keyboard.press("h");
    await page.locator(".heat").waitFor({ state: "hidden" });
    await page.locator("#keys-button").click();
    await page.locator("#keys-on").uncheck();
    await page.keyboard.press("Escape");
    await page.keyboard.press("h");
    await page.keyboard.press("f");
    expect(await page.locator("#heat").isChecked()).toBe(false);
    expect(served.device.acts).toEqual([]);
  });

  test("when the device is gone no PASS stays, all is dated and grey, and it comes back by itself", async () => {
    const { page } = await openPage(browser, served.url);
    served.device.inspect({ kind: "pass" });
    await face(page, "pass").waitFor();
    const port = Number(new URL(served.url).port);
    await served.server.stop();
    await face(page, "lost").waitFor();
    expect(await page.locator("#banner").innerText()).toMatch(/lost at \d\d:\d\d:\d\d/);
    expect(await page.locator("#flag").isDisabled()).toBe(true);
    expect(await page.locator(".system").evaluate((element) => getComputedStyle(element).filter)).toBe("grayscale(1)");
    expect(await page.locator("#announce").innerText()).toContain("lost");
    await keepScreenshot(page, "laptop-lost");
    served = await serveFakeDevice({ port });
    fill(served.device);
    served.device.inspect({ kind: "reject" });
    await face(page, "reject").waitFor();
    await page.locator("#banner").waitFor({ state: "hidden" });
  });

  test("a device that falls silent without hanging up is noticed too", async () => {
    const { page } = await openPage(browser, served.url);
    served.device.inspect({ kind: "pass" });
    await face(page, "pass").waitFor();
    served.device.status = () => {
      throw new Error("scripted");
    };
    await face(page, "lost").waitFor();
  });

  test("a device that does not inspect shows no old verdict as if it were news", async () => {
    served.device.behaviour.status = {
      state: "not-inspecting",
      problems: [{ code: "CAMERA_LOST", sentence: "The camera is gone." }],
    };
    const { page } = await openPage(browser, served.url);
    await face(page, "stopped").waitFor();
    expect(await page.locator("#finding").innerText()).toBe("The camera is gone.");
  });

  test.each(["light", "dark"] as const)(
    "all text in %s has contrast of 4.5 or more, whatever the verdict",
    async (colorScheme) => {
      served.device.behaviour.status = {
        problems: [{ code: "BROKER_UNREACHABLE", sentence: "The broker cannot be reached." }],
        inferenceRestarts: 1,
      };
      const { page } = await openPage(browser, served.url, { colorScheme, reducedMotion: "reduce" });
      for (const kind of ["pass", "reject", "review", "fault"] as const) {
        const { id } = served.device.inspect({ kind });
        await face(page, kind).waitFor();
        await page.locator(`#stage[data-verdict="${id}"]`).waitFor();
        expect(await lowContrasts(page, AA_CONTRAST)).toEqual([]);
      }
      await page.locator("#override").click();
      expect(await lowContrasts(page, AA_CONTRAST)).toEqual([]);
      await page.keyboard.press("Escape");
      const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const before = await ground();
      const presses = colorScheme === "light" ? 2 : 1; // auto, light, dark
      for (let press = 0; press < presses; press++) await page.locator("#theme").click();
      expect(await ground()).not.toBe(before);
      expect(await lowContrasts(page, AA_CONTRAST)).toEqual([]);
      await served.server.stop();
      await face(page, "lost").waitFor();
      expect(await lowContrasts(page, AA_CONTRAST)).toEqual([]);
    },
  );

  test("landmarks, headings, names and focus are in order", async () => {
    const { page } = await openPage(browser, served.url);
    for (const landmark of ["header", "main", "footer"])
      expect(await page.locator(`body > ${landmark}`).count()).toBe(1);
    expect(await page.locator("h1").count()).toBe(1);
    const tree = await page.locator("body").ariaSnapshot();
    for (const heading of [
      "Latest verdict",
      "Latest frame",
      "Last parts",
      "Yield and rejects",
      "System",
      "Needs attention",
    ]) {
      expect(tree).toMatch(new RegExp(`heading "${heading}[^"]*" \\[level=2\\]`));
    }
    expect(tree).toMatch(/img "Last 60 minutes: yield/);
    expect(
      await page
        .locator("button:visible, select:visible, input:visible")
        .evaluateAll(
          (controls) =>
            controls.filter(
              (control) =>
                !(control instanceof HTMLElement) ||
                (control.innerText.trim() === "" &&
                  control.getAttribute("aria-label") === null &&
                  (control as HTMLInputElement).labels?.length === 0),
            ).length,
        ),
    ).toBe(0);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("skip");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("verdict");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)).toBe(
      "solid",
    );
    expect(await page.locator("#parts button[tabindex='0']").count()).toBe(1);
  });

  test.each(Object.entries(SCREENS))("nothing is cut off on a %s", async (name, [width, height]) => {
    const { page } = await openPage(browser, served.url, {
      viewport: { width, height },
      colorScheme: name === "wall" ? "dark" : "light",
    });
    const { id } = served.device.inspect({ kind: "reject", part: "PALLET-0007/SLOT-12/2026-07-14T06:00" });
    await face(page, "reject").waitFor();
    await page.locator(`#stage[data-verdict="${id}"]`).waitFor();
    const size = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.scrollHeight,
    ]);
    expect(size[0]).toBe(width);
    if (name !== "phone") expect(size[1]).toBe(height);
    const overflowing = await page
      .locator("#face")
      .evaluate((element) => element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight);
    expect(overflowing).toBe(false);
    await keepScreenshot(page, name);
  });

  test("the HTTP interface's documentation works without any other server", async () => {
    const { page, complaints, foreignRequests } = await openPage(browser, served.url);
    await page.locator("footer a").click();
    await page.locator("#operations-inspect-post_api_v1_trigger").waitFor();
    expect(complaints).toEqual([]);
    expect(foreignRequests).toEqual([]);
  });
});
