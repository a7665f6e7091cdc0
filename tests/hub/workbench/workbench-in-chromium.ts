import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { PASSWORD } from "./serve-workbench.ts";

const ARTEFACTS = fileURLToPath(new URL("../../artefacts/", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export interface OpenWorkbench {
  readonly page: Page;
  /** Errors and warnings of the console, and uncaught exceptions; that nobody is signed in at first is none. */
  readonly complaints: string[];
  readonly foreignRequests: string[];
}

/** Opens the workbench and signs in, unless `user` is null. */
export async function openWorkbench(
  browser: Browser,
  url: string,
  {
    user = "ada",
    screen = "cases",
    ...options
  }: BrowserContextOptions & { user?: string | null; screen?: string } = {},
): Promise<OpenWorkbench> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const foreignRequests: string[] = [];
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type()) || message.location().url.endsWith("/api/v1/session")) return;
    complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin)
      foreignRequests.push(request.url());
  });
  if (user !== null) await context.addCookies([{ name: "sightline_session", value: await sessionOf(url, user), url }]);
  await page.goto(`${url}/#/${screen}`);
  await page.locator(user === null ? 'input[name="name"]' : ".shell").waitFor();
  return { page, complaints, foreignRequests };
}

const sessions = new Map<string, Promise<string>>();

/** A session a person and hub: hashing passwords is slow on purpose. */
function sessionOf(url: string, name: string): Promise<string> {
  const key = `${name} ${url}`;
  const session = sessions.get(key) ?? openSession(url, name);
  sessions.set(key, session);
  return session;
}

export async function openSession(url: string, name: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, password: PASSWORD }),
  });
  const cookie = /sightline_session=([^;]+)/.exec(response.headers.get("set-cookie") ?? "")?.[1];
  if (cookie === undefined) throw new Error(`${name} could not sign in: ${await response.text()}`);
  return cookie;
}

export async function signIn(page: Page, user: string, password = PASSWORD): Promise<void> {
  await page.locator('input[name="name"]').fill(user);
  await page.locator('input[name="password"]').fill(password);
  await page.keyboard.press("Enter");
  await page.locator(".shell").waitFor();
}

/** Opens a screen by its address and waits until it shows what it is for. */
export async function openScreen(page: Page, address: string, shows: string): Promise<void> {
  await page.evaluate((to) => {
    location.hash = `#/${to}`;
  }, address);
  await page.locator(shows).first().waitFor();
}

export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: `${ARTEFACTS}workbench-${name}.png` });
}

export interface AxeFinding {
  readonly id: string;
  readonly impact: string | null | undefined;
  readonly where: string[];
}

/** What axe-core holds for a fault of any weight on the page as it stands. */
export async function axeFindings(page: Page): Promise<AxeFinding[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(options: object): Promise<{
          violations: { id: string; impact?: string; nodes: { target: unknown[]; failureSummary?: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run({ resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      where: nodes.slice(0, 3).map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary ?? ""}`),
    }));
  });
}
