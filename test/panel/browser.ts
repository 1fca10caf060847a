import { afterAll, describe, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { killAll } from "../e2e/child.ts";
import { repository } from "../e2e/launcher.ts";
import { removeFolders } from "./servers.ts";

const executable = process.env["ROXY_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** A page is drawn within milliseconds; a loaded machine may take a hundred times that. */
export const patienceMs = 25_000;

/** What a page complained about, and whom it asked. */
export interface Watched {
  readonly complaints: string[];
  readonly hosts: Set<string>;
}

/** One browser for the tests of all files: each has contexts, and so sessions, of its own. It ends with this process. */
let browser: Promise<Browser> | undefined;

/** What the tests of one file open. */
export class Screen {
  readonly #contexts: BrowserContext[] = [];
  readonly watched: Watched = { complaints: [], hosts: new Set() };

  async context(options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> {
    browser ??= chromium.launch({ executablePath: executable, args: flags });
    const context = await (await browser).newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(patienceMs);
    this.#contexts.push(context);
    context.on("page", (page) => this.#watch(page));
    return context;
  }

  /** A page on the panel, in a new context. */
  async page(url: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
    const page = await (await this.context(options)).newPage();
    await page.goto(url);
    return page;
  }

  async closeContexts(): Promise<void> {
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  #watch(page: Page): void {
    page.on("pageerror", (error) => this.watched.complaints.push(error.message));
    page.on("console", (message) => {
      const text = message.text();
      // The browser itself reports each refused or broken request; those are what the tests are about.
      if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(text)) {
        this.watched.complaints.push(text);
      }
    });
    page.on("request", (request) => this.watched.hosts.add(new URL(request.url()).hostname));
  }
}

function missing(): string | undefined {
  if (!existsSync(executable)) return `there is no ${executable}: install chromium, or name one in ROXY_TEST_CHROMIUM`;
  if (!existsSync(`${repository}/dist/panel.json`))
    return "there is no dist/panel.json: make it with `bun build.ts panel`";
  return undefined;
}

/** Tests in a real browser; without one they are skipped aloud, and failed where everything must be there. */
export function browserSuite(name: string, suite: (screen: Screen) => void): void {
  const reason = missing();
  if (reason === undefined) {
    setDefaultTimeout(6 * patienceMs);
    describe(name, () => {
      const screen = new Screen();
      afterAll(async () => {
        await screen.closeContexts();
        // Whatever a failed test has left running.
        killAll();
        removeFolders();
      });
      suite(screen);
    });
    return;
  }
  if (process.env["CI"] === "true") {
    test(`${name}: a browser and the panel are there`, () => {
      throw new Error(reason);
    });
    return;
  }
  process.stderr.write(`SKIPPED: ${name}: ${reason}\n`);
  describe.skipIf(true)(`${name} (SKIPPED: ${reason})`, () => test("skipped", () => {}));
}
