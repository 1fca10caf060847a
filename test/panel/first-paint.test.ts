import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

/** Wanted on an idle machine. A busy one with two cores takes longer for an empty page: what is measured is printed. */
const wantedMs = 100;
const boundMs = 5 * wantedMs;
const rounds = 8;

interface Shift {
  readonly value: number;
  readonly sources: readonly { readonly node?: Element }[];
}

/** @param times in milliseconds */
function told(times: readonly number[]): string {
  const inOrder = times.toSorted((a, b) => a - b);
  return `best ${inOrder[0]!.toFixed(0)} ms, median ${inOrder[inOrder.length >> 1]!.toFixed(0)} ms`;
}

browserSuite("the panel's first paint", (screen) => {
  let luno: Server;
  let gateway: Server;
  /** What the browser itself takes for a page of one word. */
  const oneWord = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("<!doctype html><p>word", { headers: { "content-type": "text/html" } }),
  });
  beforeAll(async () => {
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
  });
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await luno?.kill();
    await oneWord.stop(true);
  });

  const paintedMs = async (page: Page): Promise<number> => {
    await page.reload();
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    return page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]!.startTime);
  };

  test("whose script never comes says so, and that Halt does nothing", async () => {
    const page = await (await screen.context()).newPage();
    await page.route("**/panel/panel.js", (route) => route.abort());
    await page.goto(gateway.url);
    await page.getByText("nothing here works, not even Halt").waitFor();
  });

  test("comes from the page alone, without any script", async () => {
    const context = await screen.context({ javaScriptEnabled: false });
    const page = await context.newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(gateway.url);
    expect(await page.locator("header nav a").allTextContents()).toEqual(["Orchestrator", "Audit", "Services"]);
    expect(await page.locator(".state b").textContent()).toBe("Connecting");
    expect(await page.locator("noscript").textContent()).toContain("needs JavaScript");
    // The style is inside: without it the bar would be white on white, and narrower.
    expect(await page.locator(".halt").evaluate((halt) => halt.clientHeight)).toBeGreaterThan(30);
    expect(asked.filter((path) => path !== "/panel/icon.svg")).toEqual(["/"]);
  });

  test(`is there within ${boundMs} ms of the request at its best (${wantedMs} ms are wanted), and then nothing jumps`, async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".state.good").waitFor();
    const empty = await (await screen.context()).newPage();
    await empty.goto(oneWord.url.href);
    const times: number[] = [];
    const emptyTimes: number[] = [];
    for (let i = 0; i < rounds; i++) {
      times.push(await paintedMs(page));
      emptyTimes.push(await paintedMs(empty));
    }
    const best = Math.min(...times);
    process.stderr.write(`first contentful paint: ${told(times)}; of a page of one word: ${told(emptyTimes)}\n`);
    expect(best).toBeLessThan(boundMs);
    await page.locator(".state.good").waitFor();
    await page.locator(".story").first().waitFor();
    const shifts = await page.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const seen: string[] = [];
          const note = (entry: PerformanceEntry): void => {
            const { value, sources } = entry as unknown as Shift;
            const names = sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? node?.textContent);
            seen.push(`${value.toFixed(5)} ${names.join(" | ")}`);
          };
          const observer = new PerformanceObserver((list) => list.getEntries().forEach(note));
          observer.observe({ type: "layout-shift", buffered: true });
          // The buffer is handed over in a task of its own; two frames later it has been.
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(seen), 100)));
        }),
    );
    expect(shifts).toEqual([]);
  });

  test("nothing was complained about: no policy broken", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
