import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const ARTEFACTS = fileURLToPath(new URL("../../artefacts/", import.meta.url));

export const hasChromium = CHROMIUM !== undefined;
if (!hasChromium) console.warn("Chromium is not installed: the tests of the status page in a browser are skipped.");

export const launchChromium = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM ?? "", args: QUIET });

export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, and uncaught exceptions. */
  readonly complaints: string[];
  /** Addresses the page asked for outside the server. */
  readonly foreignRequests: string[];
}

/** Opens the page and waits until it shows the device. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const foreignRequests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin)
      foreignRequests.push(request.url());
  });
  await page.goto(url);
  await page.locator("#lamps li").first().waitFor();
  return { page, complaints, foreignRequests };
}

export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: `${ARTEFACTS}status-page-${name}.png` });
}

export interface ContrastFinding {
  readonly what: string;
  readonly ratio: number;
}

/** Every visible text of the page with its WCAG contrast, from computed colours; only those below `limit`. */
export function lowContrasts(page: Page, limit: number): Promise<ContrastFinding[]> {
  return page.evaluate((least) => {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("no canvas");
    const rgba = (colour: string): number[] => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (colour: number[]): number => {
      const [red = 0, green = 0, blue = 0] = colour.slice(0, 3).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const groundOf = (element: Element | null): number[] => {
      for (let each = element; each !== null; each = each.parentElement) {
        const colour = rgba(getComputedStyle(each).backgroundColor);
        if (colour[3] === 255) return colour;
      }
      return rgba(getComputedStyle(document.body).backgroundColor);
    };
    const findings: { what: string; ratio: number }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      const text = node.textContent?.trim() ?? "";
      if (
        element === null ||
        text === "" ||
        !element.checkVisibility() ||
        element.closest("noscript, :disabled") !== null
      )
        continue;
      const style = getComputedStyle(element);
      const ink = luminance(rgba(element instanceof SVGElement ? style.fill : style.color));
      const ground = luminance(groundOf(element));
      const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
      if (ratio < least) findings.push({ what: `${element.tagName} ${text}`, ratio });
    }
    return findings;
  }, limit);
}
