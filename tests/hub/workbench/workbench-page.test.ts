import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, launchChromium } from "../../edge/status/page-in-chromium.ts";
import { fakeMillion, MILLION } from "./fake-million.ts";
import { PROJECT } from "./seed-workbench.ts";
import { PASSWORD, type ServedWorkbench, serveWorkbench } from "./serve-workbench.ts";
import { axeFindings, keepScreenshot, openScreen, openWorkbench, signIn } from "./workbench-in-chromium.ts";

/** Every screen with what it shows once it is there, and who sees it. */
const SCREENS: readonly (readonly [name: string, address: string, shows: string])[] = [
  ["gallery", "cases", ".tile:not(.blank):not(.empty)"],
  ["label", "label", ".case .class-choice"],
  ["second-labels", "second", ".case.blind .class-choice"],
  ["suspected", "suspected", ".case .notice"],
  ["agreement", "agreement", ".heat-cell"],
  ["error-table", "errors", ".tag-name"],
  ["slices", "slices", ".share"],
  ["diagnosis", "diagnosis", ".step"],
  ["work-orders", "orders", ".order-title"],
  ["scope", "project", ".proof"],
  ["devices", "devices", "tbody tr"],
  ["people", "people", "tbody tr"],
  ["audit", "audit", "tbody tr"],
];
/** The hub and Chromium share few cores with whatever else runs. */
const soon = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 20_000 });
/** For the longest of these tests; seconds on a machine of its own. */
const PATIENCE_MS = 120_000;
let browser: Browser;
let served: ServedWorkbench;

const labelsBy = async (user: string): Promise<{ label: string; blind: number; undone_at: number | null }[]> =>
  served.database.query
    .selectFrom("labels")
    .select(["label", "blind", "undone_at"])
    .where("by_user", "=", user)
    .orderBy("row")
    .execute();
async function casesBy(user: string): Promise<number> {
  const { cases } = await served.database.query
    .selectFrom("labels")
    .select(({ fn }) => fn.count<number>("case_row").distinct().as("cases"))
    .where("by_user", "=", user)
    .where("undone_at", "is", null)
    .executeTakeFirstOrThrow();
  return Number(cases);
}
const shownCase = (page: Page): Promise<string | null> => page.locator(".case").getAttribute("data-id");

describe.skipIf(!hasChromium)("the workbench in Chromium", { timeout: PATIENCE_MS }, () => {
  beforeAll(async () => {
    [browser, served] = await Promise.all([launchChromium(), serveWorkbench()]);
  });
  afterAll(async () => {
    await browser?.close();
    await served?.stop();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  test("fifty cases are labelled by keyboard alone, the last taken back and labelled anew", async () => {
    const { page, complaints, foreignRequests } = await openWorkbench(browser, served.url, { user: "vince" });
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.locator(".case .class-choice").first().waitFor();
    const seen = new Set<string | null>();
    for (let number = 0; number < 50; number++) {
      const before = await shownCase(page);
      seen.add(before);
      await page.keyboard.press(String((number % 6) + 1));
      await soon(() => shownCase(page)).not.toBe(before);
    }
    expect(seen.size).toBe(50);
    expect(await page.locator(".progress-text").innerText()).toBe("50 of 80");
    await keepScreenshot(page, "labelling-at-50");
    await page.keyboard.press("u");
    await soon(() => page.locator(".progress-text").innerText()).toBe("49 of 80");
    await page.keyboard.press("3");
    await soon(async () => (await labelsBy("vince")).length).toBe(51);
    const given = await labelsBy("vince");
    expect(given.filter(({ undone_at }) => undone_at === null).length).toBe(50);
    expect(given.slice(0, 6).map(({ label }) => label)).toEqual([
      "free",
      "blowhole",
      "break",
      "crack",
      "fray",
      "uneven",
    ]);
    expect(given.at(-1)?.label).toBe("break");
    expect(complaints).toEqual([]);
    expect(foreignRequests).toEqual([]);
  });

  test("keys pressed faster than the hub answers label one case after the other, none twice", async () => {
    const { page } = await openWorkbench(browser, served.url, { user: "vince", screen: "label" });
    await page.locator(".case .class-choice").first().waitFor();
    const before = (await labelsBy("vince")).length;
    const cases = await casesBy("vince");
    for (let number = 0; number < 8; number++) await page.keyboard.press("1");
    await soon(async () => (await labelsBy("vince")).length).toBe(before + 8);
    expect(await casesBy("vince")).toBe(cases + 8);
  });

  test("a case is tagged by keyboard with a tag that is new, and one chosen from the list", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url, { screen: "label" });
    await page.locator(".case .class-choice").first().waitFor();
    const id = await shownCase(page);
    await page.keyboard.press("t");
    await page.locator("dialog .tag-choice").first().waitFor();
    await page.keyboard.type("water stain");
    await page.keyboard.press("Enter");
    await page.locator(".tag-choice", { hasText: "water stain" }).waitFor();
    await page.keyboard.type("dus");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await soon(() => page.locator(".case-side .chips .chip").allInnerTexts()).toEqual(["dust", "water stain"]);
    const tagged = await served.database.query
      .selectFrom("cases")
      .select("tag_set")
      .where("id", "=", id ?? "")
      .executeTakeFirst();
    expect(tagged?.tag_set).toBe("2,6");
    await page.keyboard.press("t");
    await page.locator('dialog input[name="find"]').fill("x".repeat(10_000));
    await page.locator("dialog button.primary").click();
    expect(await page.locator("dialog .form-error").allInnerTexts()).toContain(
      "A tag's name has at most 64 characters.",
    );
    expect(complaints).toEqual([]);
  });

  test("cases chosen with the keyboard are tagged at once; mixed tags stay as they are", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url);
    await page.locator(".tile:not(.empty)").first().waitFor();
    await page.locator(".grid").focus();
    await page.keyboard.press("End");
    await soon(() => page.locator(".tile.active:not(.empty)").count()).toBe(1);
    await page.keyboard.press("Space");
    for (let number = 0; number < 4; number++) await page.keyboard.press("Shift+ArrowLeft");
    await soon(() => page.locator(".selection-bar strong").innerText()).toBe("5 selected");
    await keepScreenshot(page, "gallery-selection");
    await page.keyboard.press("t");
    await page.locator("dialog .tag-choice").first().waitFor();
    await page.keyboard.type("glare");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.locator(".toast.good").waitFor();
    const oldest = await served.database.query.selectFrom("cases").select("tag_set").orderBy("row").limit(5).execute();
    expect(oldest.every(({ tag_set }) => tag_set.split(",").includes("4"))).toBe(true);
    await page.keyboard.press("Escape");
    await page.locator(".selection-bar").waitFor({ state: "hidden" });
    expect(complaints).toEqual([]);
  });

  test("the gallery is filtered, the filter is kept, and found again by a colleague", async () => {
    const { page } = await openWorkbench(browser, served.url);
    await page.locator(".facet label", { hasText: "Escape" }).locator("input").check();
    await page.locator(".tile .given b", { hasText: "Escape" }).first().waitFor();
    const count = await page.locator(".count").innerText();
    expect(await page.locator(".tile .given b", { hasText: "Overkill" }).count()).toBe(0);
    await page.locator("button", { hasText: "Save filter" }).click();
    await page.keyboard.type("All escapes");
    await page.keyboard.press("Enter");
    await page.locator(".toast.good").waitFor();
    const other = await openWorkbench(browser, served.url, { user: "vera" });
    await other.page.locator("select.saved").selectOption({ label: "All escapes" });
    await soon(() => other.page.locator(".count").innerText()).toBe(count);
    await other.page.locator(".conditions .chip button").click();
    await soon(() => other.page.locator(".count").innerText()).toBe("560 cases");
  });

  test("a gallery whose data comes late leaves the address to the screen that was gone to meanwhile", async () => {
    const { page } = await openWorkbench(browser, served.url, { user: "vera", screen: "errors" });
    const facets = "**/api/v1/cases/facets*";
    let letThrough = (): void => undefined;
    const held = new Promise<void>((resolve) => (letThrough = resolve));
    await page.route(facets, (route) => held.then(() => route.continue()));
    const asked = page.waitForRequest(facets);
    await page.evaluate(() => void (location.hash = "#/cases"));
    await asked;
    await openScreen(page, "errors", ".tag-name");
    const answered = page.waitForResponse(facets);
    letThrough();
    await answered;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
    expect(new URL(page.url()).hash).toBe("#/errors");
  });

  test("a filter that nothing fits says what to do", async () => {
    const { page } = await openWorkbench(browser, served.url, {
      screen: `cases?filter=${JSON.stringify({ part: "none" })}`,
    });
    await page.locator(".state h2", { hasText: "No case fits" }).waitFor();
    await keepScreenshot(page, "gallery-nothing");
    await page.locator(".state button").click();
    await page.locator(".tile:not(.empty)").first().waitFor();
  });

  test("a million cases scroll, and the page stays as small as it was", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url, { user: null });
    const million = await fakeMillion(page);
    await signIn(page, "ada");
    await page.locator(".tile:not(.empty)").first().waitFor();
    await page.waitForTimeout(400);
    const shown = await page.locator(".count").innerText();
    expect(Math.abs(Number(shown.replace(/\D/g, "")) / MILLION - 1)).toBeLessThan(0.02);
    const elements = (): Promise<number> => page.evaluate(() => document.querySelectorAll("*").length);
    const before = await elements();
    const settled = async (): Promise<void> => {
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      await page.waitForFunction(() => document.querySelectorAll(".tile.empty").length === 0);
    };
    const place = async (share: number): Promise<number> => {
      await page.locator(".grid").evaluate((grid, to) => {
        grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * to;
      }, share);
      await settled();
      return page
        .locator(".tile")
        .evaluateAll((tiles) =>
          Math.min(...tiles.map((tile) => Number(/T-(\d+)/.exec(tile.querySelector(".said")?.textContent ?? "")?.[1]))),
        );
    };
    for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      const row = await place(share);
      expect(Math.abs(row / 1_500_000 - (1 - share))).toBeLessThan(0.02);
    }
    // Backwards from an estimated place: neighbouring pages are chained, without gap or repetition.
    for (let number = 0; number < 12; number++) {
      await page.locator(".grid").evaluate((grid) => (grid.scrollTop -= grid.clientHeight * 0.8));
      await settled();
      const rows = await page.locator(".tile").evaluateAll((tiles) =>
        tiles
          .map((tile) => ({
            index: Number((tile as HTMLElement).dataset["index"]),
            row: Number(/T-(\d+)/.exec(tile.querySelector(".said")?.textContent ?? "")?.[1]),
          }))
          .sort((one, other) => one.index - other.index)
          .map(({ row }) => row),
      );
      const gaps = rows.slice(1).map((row, at) => (rows[at] ?? 0) - row);
      expect(gaps.every((gap) => gap === 1 || gap === 2)).toBe(true);
    }
    await page.locator(".grid").focus();
    await page.keyboard.press("End");
    await expect.poll(() => page.locator(".tile.active .said").textContent()).toMatch(/^Part T-[1-9],/);
    expect(await elements()).toBeLessThan(before * 1.2);
    expect(million.pages()).toBeLessThan(80);
    expect(complaints).toEqual([]);
  });

  test("one case is looked at closely: zoom, boxes, similar cases, previous and next", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url, {
      screen: `cases?filter=${JSON.stringify({ verdicts: ["reject"] })}`,
    });
    await page.locator(".tile:not(.blank):not(.empty)").nth(2).click();
    await page.locator(".box").waitFor();
    await page.locator(".strip img").first().waitFor();
    const first = await shownCase(page);
    const width = (): Promise<number> => page.locator(".picture").evaluate((element) => element.clientWidth);
    const fitted = await width();
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    expect(await width()).toBeGreaterThan(fitted * 1.7);
    await keepScreenshot(page, "case-zoomed");
    await page.keyboard.press("0");
    expect(await width()).toBe(fitted);
    await page.keyboard.press("b");
    await page.locator(".boxes:not(.drawn)").waitFor({ state: "hidden" });
    await page.keyboard.press("b");
    await page.keyboard.press("ArrowRight");
    await soon(() => shownCase(page)).not.toBe(first);
    await page.keyboard.press("ArrowLeft");
    await soon(() => shownCase(page)).toBe(first);
    expect(page.url()).toContain(first);
    expect(complaints).toEqual([]);
  });

  test("a box drawn over the image is saved with the label, in pixels of the image", async () => {
    const { page } = await openWorkbench(browser, served.url, { user: "grace", screen: "label" });
    await page.locator(".picture:not(.waiting)").waitFor();
    const id = await shownCase(page);
    await page.keyboard.press("d");
    const picture = await page.locator(".picture").boundingBox();
    if (picture === null) throw new Error("no picture");
    await page.mouse.move(picture.x + picture.width * 0.25, picture.y + picture.height * 0.25);
    await page.mouse.down();
    await page.mouse.move(picture.x + picture.width * 0.5, picture.y + picture.height * 0.75, { steps: 3 });
    await page.mouse.up();
    await page.locator(".box.by-hand").waitFor();
    await keepScreenshot(page, "box-drawn");
    await page.keyboard.press("2");
    await soon(() => shownCase(page)).not.toBe(id);
    const { boxes_json: boxes } = await served.database.query
      .selectFrom("labels")
      .innerJoin("cases", "cases.row", "labels.case_row")
      .select("boxes_json")
      .where("cases.id", "=", id ?? "")
      .executeTakeFirstOrThrow();
    const [box] = JSON.parse(boxes) as { x: number; y: number; width: number; height: number; class: string }[];
    expect(box?.class).toBe("blowhole");
    for (const [value, wanted] of [
      [box?.x, 72],
      [box?.y, 84],
      [box?.width, 72],
      [box?.height, 168],
    ])
      expect(Math.abs((value ?? 0) - (wanted ?? 0))).toBeLessThanOrEqual(2);
  });

  test("second labels are given without seeing model or first label, and agreement counts them", async () => {
    const { page } = await openWorkbench(browser, served.url, { user: "vince", screen: "agreement" });
    const twice = async (): Promise<number> =>
      Number(await page.locator(".big-figure", { hasText: "labelled twice" }).locator("strong").innerText());
    const before = await twice();
    const sent: string[] = [];
    page.on("response", (response) => {
      if (/\/cases\/[^/]+(\?|$|\/labels)/.test(response.url()))
        void response.text().then(
          (body) => sent.push(body),
          () => undefined,
        );
    });
    await openScreen(page, "second", ".case.blind .class-choice");
    const text = await page.locator("main").innerText();
    for (const hidden of ["NG score", "Model's scores", "History", "tile-surface", "Similar", "Tags"])
      expect(text).not.toContain(hidden);
    expect(await page.locator('.class-choice[aria-pressed="true"], .box').count()).toBe(0);
    for (let number = 0; number < 3; number++) {
      const shown = await shownCase(page);
      await page.keyboard.press("2");
      await soon(() => shownCase(page)).not.toBe(shown);
    }
    await soon(() => Promise.resolve(sent.length)).toBeGreaterThanOrEqual(7);
    for (const body of sent) expect(body).not.toMatch(/"(label|labels|outcome|labelSuspicion|class|verdict|tagIds)":/);
    await openScreen(page, "agreement", ".heat-cell");
    expect(await twice()).toBe(before + 3);
    expect(await page.locator("tbody a").count()).toBeGreaterThan(5);
  });

  test("the error table is read, tags are solved together, and a work order is opened from a tag", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url, { screen: "errors" });
    await page.locator(".tag-name").first().waitFor();
    const errors = async (tag: string): Promise<number> =>
      Number(await page.locator("tbody tr", { hasText: tag }).locator("td").first().innerText());
    expect(await errors("dust")).toBeGreaterThan(5);
    for (const tag of ["dust", "glare"]) await page.getByLabel(`Take ${tag} into the joint ceiling`).check();
    const gain = page.locator(".joint .big-figure", { hasText: "gained" }).locator("small");
    await soon(() => gain.innerText()).toMatch(/of \d+ errors gone/);
    const solved = Number((await gain.innerText()).split(" ")[0]);
    expect(solved).toBeLessThan((await errors("dust")) + (await errors("glare"))); // overlaps count once
    await keepScreenshot(page, "error-table-joint");
    await page.locator(".tag-name", { hasText: "dust" }).click();
    await page.locator('dialog input[name="wanted"]').fill("0");
    await page.locator("dialog button.primary").click();
    expect(await page.locator("dialog .form-error").innerText()).toContain("1 to 1,000,000");
    await page.locator('dialog input[name="wanted"]').fill("300");
    await page.locator('dialog input[value="tile-2"]').check();
    await page.locator('dialog input[value="reject"]').check();
    await keepScreenshot(page, "work-order-dialog");
    await page.locator("dialog button.primary").click();
    await page.locator(".order-title", { hasText: "Collect: dust" }).waitFor();
    const order = await served.database.query
      .selectFrom("work_orders")
      .selectAll()
      .where("title", "=", "Collect: dust")
      .executeTakeFirstOrThrow();
    const rule = JSON.parse(order.sampling_rule_json ?? "null") as object;
    expect(rule).toMatchObject({ wanted: 300, rate: 1, devices: ["tile-2"], where: { verdicts: ["reject"] } });
    const measured = page.locator("tr", { hasText: "Second lamp" }).locator(".measured");
    expect(await measured.innerText()).toContain("1.3.0 → 1.4.0");
    await page.locator("tr", { hasText: "Second lamp" }).locator("button", { hasText: "Mark done" }).click();
    await page.locator("tr", { hasText: "Second lamp" }).locator(".state-chip.done").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a slice that is worse is confirmed, and its cases open in the gallery", async () => {
    const { page } = await openWorkbench(browser, served.url, { screen: "slices" });
    const slice = page.locator("tbody tr", { hasText: "dim" }).first();
    await slice.locator(".state-chip.done").waitFor();
    await slice.locator("a").click();
    await page.locator(".conditions .chip", { hasText: "dim" }).waitFor();
  });

  test("the diagnosis takes the training report's figures and tells variance from bias", async () => {
    const { page } = await openWorkbench(browser, served.url, { screen: "diagnosis" });
    await page.locator(".curve").waitFor();
    for (const [name, value] of [
      ["trainErrors", "4"],
      ["trainCases", "2000"],
      ["validationErrors", "90"],
      ["validationCases", "1000"],
    ] as const)
      await page.locator(`input[name="${name}"]`).fill(value);
    await page.locator("button", { hasText: "Diagnose" }).click();
    await page.locator(".gaps li", { hasText: "Variance" }).locator(".called").waitFor();
    expect(await page.locator(".gaps li", { hasText: "Avoidable bias" }).locator(".called").count()).toBe(0);
  });

  test("suspected wrong labels come as a queue; one that is kept is not asked for again", async () => {
    const { page } = await openWorkbench(browser, served.url, { user: "grete", screen: "suspected" });
    await page.locator(".notice").waitFor();
    const id = await shownCase(page);
    const progress = page.locator(".progress-text");
    const total = Number((await progress.innerText()).split(" ").at(-1));
    await page.keyboard.press("k");
    await expect
      .poll(async () => ((await shownCase(page)) !== id ? true : page.locator("main h2", { hasText: "done" }).count()))
      .toBeTruthy();
    await page.reload();
    await page.locator(".case .notice, .state h2").first().waitFor();
    const left = await served.database.query
      .selectFrom("cases")
      .select("id")
      .where("label_suspicion", "is not", null)
      .execute();
    expect(left.length).toBeLessThan(total);
    expect(left.map((each) => each.id)).not.toContain(id);
  });

  test("targets are edited and what can be proven follows", async () => {
    const { page } = await openWorkbench(browser, served.url, { screen: "project" });
    await page.locator(".proof").first().waitFor();
    await page.locator("button", { hasText: "Edit project" }).click();
    await page.locator('dialog input[name="maxEscape"]').fill("0.1");
    await page.locator("dialog button.primary").click();
    await soon(() => page.locator(".proof").first().innerText()).toContain("≤ 0.1 %");
    expect(await page.locator(".proof").first().innerText()).toContain("2,995");
    await page.locator("button", { hasText: "Edit project" }).click();
    await page.locator('dialog input[name="maxEscape"]').fill("1");
    await page.locator("dialog button.primary").click();
    await soon(() => page.locator(".proof").first().innerText()).toContain("≤ 1.0 %");
  });

  test("an administrator adds a person, who chooses a password; a device gets a code and another is revoked", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url, { user: "root", screen: "people" });
    await page.locator("button", { hasText: "Add a person" }).click();
    await page.locator('dialog input[name="name"]').fill("linus");
    await page.locator('dialog input[name="password"]').fill("good for one sign in");
    await page.locator("dialog button.primary").click();
    await page.locator("tbody tr", { hasText: "linus" }).waitFor();
    await openScreen(page, "devices", "tbody tr");
    await page.locator("button", { hasText: "Enrol a device" }).click();
    await page.locator('dialog input[name="device"]').fill("tile-9");
    await page.locator("dialog button.primary").click();
    expect((await page.locator("dialog code").innerText()).length).toBeGreaterThan(7);
    await keepScreenshot(page, "enrolment-code");
    await page.locator("dialog button.primary").click();
    await page.locator("tr", { hasText: "tile-2" }).locator("button").click();
    await page.locator("dialog button.danger").click();
    await page.locator("tr", { hasText: "tile-2" }).locator(".state-chip.dropped").waitFor();
    const { page: other } = await openWorkbench(browser, served.url, { user: null });
    await other.locator('input[name="name"]').fill("linus");
    await other.locator('input[name="password"]').fill("good for one sign in");
    await other.keyboard.press("Enter");
    await other.locator("h1", { hasText: "Choose your password" }).waitFor();
    await keepScreenshot(other, "choose-password");
    for (const [index, text] of ["good for one sign in", PASSWORD, PASSWORD].entries())
      await other.locator("input").nth(index).fill(text);
    await other.keyboard.press("Enter");
    await other.locator(".shell").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a viewer sees no control that would be refused", async () => {
    const { page, complaints } = await openWorkbench(browser, served.url, { user: "vera" });
    expect(await page.locator(".rail a").allInnerTexts()).toEqual([
      "Gallery",
      "Agreement",
      "Error table",
      "Slices",
      "Diagnosis",
      "Work orders",
      "Loop",
      "Runs",
      "Compare",
      "Releases",
      "Fleet",
      "Scope",
    ]);
    await page.locator(".tile:not(.blank):not(.empty)").first().click();
    await page.locator(".class-choice").first().waitFor();
    expect(await page.locator(".class-choice:enabled").count()).toBe(0);
    const before = (await labelsBy("vera")).length;
    await page.keyboard.press("1");
    await openScreen(page, "orders", ".order-title");
    expect(await page.locator("main button").count()).toBe(0);
    expect((await labelsBy("vera")).length).toBe(before);
    expect(complaints).toEqual([]);
  });

  test("a wrong password, an ended session and a hub that does not answer are told in sentences", async () => {
    const { page } = await openWorkbench(browser, served.url, { user: null });
    await page.locator('input[name="name"]').fill("ada");
    await page.locator('input[name="password"]').fill("wrong wrong wrong");
    await page.keyboard.press("Enter");
    await soon(() => page.locator(".form-error").innerText()).toMatch(/\w+ .*\.$/);
    await signIn(page, "ada");
    await page.route("**/api/v1/error-table*", (route) => route.abort());
    await openScreen(page, "errors", ".state.bad");
    expect(await page.locator(".state.bad").innerText()).toContain("does not answer");
    await keepScreenshot(page, "no-answer");
    await page.unroute("**/api/v1/error-table*");
    await page.locator(".state.bad button").click();
    await page.locator(".tag-name").first().waitFor();
    await page.context().clearCookies();
    await openScreen(page, "orders", ".sign-in");
    expect(await page.locator(".form-error").innerText()).toContain("session has ended");
  });

  test.each([
    { colorScheme: "light", width: 1280, height: 800 },
    { colorScheme: "dark", width: 1920, height: 1080 },
  ] as const)(
    "no screen has a fault for axe-core (contrast of 4.5 included) or anything cut off, $colorScheme at $width px",
    async ({ colorScheme, width, height }) => {
      const viewport = { width, height };
      const { page, complaints } = await openWorkbench(browser, served.url, {
        user: null,
        colorScheme,
        viewport,
        reducedMotion: "reduce",
      });
      const name = `${colorScheme}-${width}`;
      expect(await axeFindings(page)).toEqual([]);
      await keepScreenshot(page, `sign-in-${name}`);
      await signIn(page, "root");
      for (const [screen, address, shows] of SCREENS) {
        await openScreen(page, address, shows);
        const cut = await page
          .locator("main, main .panel, .scroll-x")
          .evaluateAll((all) =>
            all.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className),
          );
        expect({ screen, cut }).toEqual({ screen, cut: [] });
        expect({ screen, found: await axeFindings(page) }).toEqual({ screen, found: [] });
        await keepScreenshot(page, `${screen}-${name}`);
      }
      await page.keyboard.press("?");
      expect(await axeFindings(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await openScreen(page, "cases", ".tile:not(.empty)");
      await page.locator(".grid").focus();
      await page.keyboard.press("t");
      await page.locator(".tag-choice").first().waitFor();
      expect(await axeFindings(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await openScreen(page, "orders", ".order-title");
      await page.locator("button", { hasText: "New work order" }).click();
      await page.locator("dialog .collect").waitFor();
      expect(await axeFindings(page)).toEqual([]);
      await keepScreenshot(page, `new-work-order-${name}`);
      expect(complaints).toEqual([]);
    },
  );

  test("focus is seen, landmarks and headings are in order, the skip link leads to the content", async () => {
    const { page } = await openWorkbench(browser, served.url, { screen: "errors" });
    await page.locator(".tag-name").first().waitFor();
    await page.reload();
    await page.locator(".tag-name").first().waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("skip");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)).toBe(
      "solid",
    );
    for (const landmark of ["header.top", "nav.rail", "main"]) expect(await page.locator(landmark).count()).toBe(1);
    expect(await page.locator("h1").count()).toBe(1);
    const project = await served.database.query
      .selectFrom("projects")
      .select("name")
      .where("id", "=", PROJECT)
      .executeTakeFirst();
    expect(await page.title()).toBe(`Error table · ${project?.name ?? ""}`);
  });
});
