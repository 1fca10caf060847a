import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, statSync } from "node:fs";
import type { Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { repository } from "../e2e/launcher.ts";
import { eventually } from "../e2e/watch.ts";
import { violations } from "./axe.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

const picture = `${repository}/docs/panel.png`;
const shots = `${repository}/dist/screenshots`;
const sizes = [
  [360, 800],
  [1280, 800],
  [3840, 2160],
] as const;
const themes = ["light", "dark"] as const;
const pages = ["", "audit", "services"] as const;

const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

const hostile = {
  html: "<img src=x onerror=alert(1)><script>alert(2)</script>",
  turned: "evil \u202Egnp.exe\u202C and \u2066inside",
  emoji: "👩‍👩‍👧‍👦 שלום 🏳️‍🌈",
  control: "bell \u0007 escape \u001b[31m nul \u0000",
  long: `${"x".repeat(10_240)}end`,
};

browserSuite("how the panel looks", (screen) => {
  let luno: Server;
  let gateway: Server;
  beforeAll(async () => {
    mkdirSync(shots, { recursive: true });
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
    const dispatch = (action: string, payload: object): Promise<Response> =>
      fetch(`${gateway.url}/api/orchestrator/dispatch`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ action, payload, source: "command-center", auth: { user_id: "mark" } }),
      });
    const prepared = await dispatch("prepare_apply", { plan_id: "SKOREQ-NIGHTLY" });
    const { podium_result: staged } = (await prepared.json()) as { podium_result: { nonce: string } };
    await dispatch("apply_plan", { plan_id: "SKOREQ-NIGHTLY", nonce: staged.nonce });
    await dispatch("prepare_apply", { plan_id: "SKOREQ-XXX" });
    for (const story of [1, 2, 4, 6, 5]) await dispatch("enqueue_story", { story_id: `STORY-00${story}` });
    await dispatch("enqueue_story", { story_id: "LUNO-026-STORY-033" });
  });
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await luno?.kill();
  });

  for (const theme of themes) {
    test(`${theme}: no page has a fault that axe finds, and each looks itself at every size`, async () => {
      const page = await screen.page(gateway.url, { colorScheme: theme });
      await page.locator(".state.good").waitFor();
      await page.getByRole("button", { name: "Run STORY-006" }).click();
      await page.getByRole("alert").waitFor();
      await page
        .locator(".plan", { hasText: "SKOREQ-XXX" })
        .getByRole("button", { name: /^Prepare/ })
        .click();
      await page.getByRole("group", { name: "Staged: SKOREQ-XXX" }).waitFor();
      await page.getByRole("button", { name: "Enqueue" }).waitFor();
      for (const name of pages) {
        await page.evaluate((to) => (location.hash = `#/${to}`), name);
        await page.locator("h1", { hasText: /^(Orchestrator|Audit|Services)$/ }).waitFor({ state: "attached" });
        await page.locator(".row, tbody tr:nth-child(3)").first().waitFor();
        if (name === "audit") {
          await page.locator("tbody a").first().click();
          await page.locator("article.record").first().waitFor();
        }
        expect(await violations(page)).toEqual([]);
        for (const [width, height] of name === "" ? sizes : sizes.slice(0, 2)) {
          await page.setViewportSize({ width, height });
          await page.evaluate(() => scrollTo(0, 0));
          const path = `${shots}/${name === "" ? "orchestrator" : name}-${theme}-${width}.png`;
          await page.screenshot({ path });
          expect(await overflow(page)).toBeLessThanOrEqual(0);
        }
        // What a page of 1280 pixels becomes at 400 % (WCAG 2.2, 1.4.10).
        await page.setViewportSize({ width: 320, height: 256 });
        expect(await overflow(page)).toBeLessThanOrEqual(0);
        await page.setViewportSize({ width: 1280, height: 800 });
      }
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      expect(await violations(page)).toEqual([]);
    });
  }

  test("plans are in sight without scrolling, keep their words' room beside two buttons, and move nothing when one more comes", async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".state.good").waitFor();
    const titles = ["stories", "now", "queue", "jobs"].map((name) => page.locator(`#${name}-title`));
    const tops = () =>
      Promise.all(titles.map((title) => title.evaluate((at) => at.getBoundingClientRect().top + scrollY)));
    const before = await tops();
    const form = await page.locator("#plan-id").boundingBox();
    expect(form!.y + form!.height).toBeLessThan(760);
    const plan = page.locator(".plan", { hasText: "SKOREQ-NIGHTLY" });
    await plan.getByRole("button", { name: /^Enqueue/ }).waitFor();
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await plan.locator(".row-words").evaluate((words) => words.clientWidth)).toBeGreaterThan(120);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.fill("#plan-id", "SKOREQ-NONE");
    await page.keyboard.press("Enter");
    await page.locator(".plan", { hasText: "SKOREQ-NONE" }).getByRole("alert").waitFor();
    expect((await tops()).map(Math.round)).toEqual(before.map(Math.round));
  });

  test("README's picture is small, and made again with ROXY_README_PICTURE=1", async () => {
    const page = await screen.page(gateway.url, { colorScheme: "dark", viewport: { width: 1200, height: 720 } });
    await page.locator(".state.good").waitFor();
    await page.locator(".job").first().waitFor();
    const wanted = process.env["ROXY_README_PICTURE"] === "1";
    await page.screenshot({ path: wanted ? picture : `${shots}/panel.png` });
    expect(statSync(picture).size).toBeLessThan(150_000);
  });

  test("a chosen theme is remembered, and there from the first paint; the system's can be chosen again", async () => {
    const page = await screen.page(gateway.url, { colorScheme: "light" });
    await page.getByRole("button", { name: "Theme: system" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    await page.reload();
    const dataset = () => page.evaluate(() => document.documentElement.dataset["theme"]);
    expect(await dataset()).toBe("dark");
    await page.getByRole("button", { name: "Theme: dark" }).click();
    await page.getByRole("button", { name: "Theme: light" }).click();
    await page.getByRole("button", { name: "Theme: system" }).waitFor();
    expect(await dataset()).toBeUndefined();
    await page.reload();
    expect(await dataset()).toBeUndefined();
    await page.keyboard.press("t");
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  });

  test("Escape empties a search, and what it filtered is there again", async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".story").nth(1).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("no such story");
    await page.getByText("No story fits the search.").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".story").nth(1).waitFor();
    expect(await page.inputValue("#search")).toBe("");
    await page.keyboard.press("2");
    await page.locator("tbody tr").nth(1).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("STORY-NONE");
    await page.keyboard.press("Enter");
    await page.getByText("No record fits.").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("tbody tr").nth(1).waitFor();
    expect(await page.inputValue("#search")).toBe("");
  });

  test("a heading beside a long id breaks between its words only", async () => {
    const page = await screen.page(`${gateway.url}/#/audit`, { viewport: { width: 320, height: 800 } });
    await page.locator("tbody a").first().click();
    const lines = await page.locator("#dispatch-records-title").evaluate((title) => {
      const [range, text] = [document.createRange(), title.firstChild!];
      range.setStart(text, text.textContent!.indexOf("dispatch"));
      range.setEnd(text, text.textContent!.length);
      return range.getClientRects().length;
    });
    expect(lines).toBe(1);
  });

  test("where the system chooses all colours, what is nothing but a colour keeps its own", async () => {
    const page = await screen.page(gateway.url, { forcedColors: "active" });
    await page.locator(".state.good").waitFor();
    await page.locator(".steps .good").first().waitFor();
    const alike = await page.evaluate(() => {
      const ground = getComputedStyle(document.body).backgroundColor;
      const marks = [".lamp", ".legend.bad ::before", ".legend.depth ::before", ".steps .good ::before"];
      return marks.filter((mark) => {
        const [selector, pseudo] = mark.split(" ::");
        const at = document.querySelector(selector!.trim())!;
        return getComputedStyle(at, pseudo && `::${pseudo}`).backgroundColor === ground;
      });
    });
    expect(alike).toEqual([]);
  });

  test("single keys can be turned off", async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".state.good").waitFor();
    await page.keyboard.press("?");
    await page.getByLabel("Single keys do this").uncheck();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("2");
    expect(new URL(page.url()).hash).toBe("");
  });

  test("the chart knows what was queued before anybody looked, and says since when", async () => {
    const podium = await PodiumStub.start();
    const front = await gatewayServer(podium.url).start();
    await eventually(() => podium.sockets[0], "the gateway listens to the telemetry");
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", queue: ["A", "B", "C"] }));
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", queue: [] }));
    podium.status = reply.text('{"success":true,"stories":[],"queue":[]}');
    const page = await screen.page(front.url);
    await page.getByText(/the queue was at most 3 deep, known since \d\d:\d\d\./).waitFor();
    await front.kill();
    await podium.down();
  });

  test("texts of strangers are text, in their place, whole on demand", async () => {
    const podium = await PodiumStub.start();
    const stories = Object.entries(hostile).map(([name, title]) => ({ id: `S-${name}`, status: "todo", title }));
    const everywhere = {
      orchestrator: { state: `halted ${hostile.turned} ${hostile.html} ${hostile.long}` },
      data: { tasks: stories },
      queue: [{ storyId: hostile.long, queue: hostile.html, waitsFor: [hostile.turned, hostile.long] }],
      agents: [{ name: hostile.turned }, { agentId: hostile.long, storyId: hostile.html, status: hostile.control }],
      plans: [{ planId: hostile.html, title: hostile.control, error: hostile.long }],
    };
    podium.status = reply.text(JSON.stringify(everywhere));
    podium.otherwise = reply.text(JSON.stringify({ success: false, error: hostile.html }));
    const front = await gatewayServer(podium.url).start();
    const page = await screen.page(front.url);
    await page.locator(".state.warn b", { hasText: "Halted" }).waitFor();
    expect(await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText))).toBe(false);
    expect(await page.evaluate(() => document.body.innerText.includes("xxend"))).toBe(false);
    const row = (name: string) => page.locator(".story", { hasText: `S-${name}` });
    expect(await row("html").locator(".row-title").textContent()).toBe(hostile.html);
    expect(await row("turned").locator(".row-title").textContent()).toContain("‹U+202E›gnp.exe");
    expect(await row("emoji").locator(".row-title").textContent()).toBe(hostile.emoji);
    expect(await row("control").locator(".row-title").textContent()).toBe("bell ␇ escape ␛[31m nul ␀");
    const long = row("long").locator(".row-title");
    expect((await long.textContent())!.length).toBeLessThan(300);
    await long.getByRole("button", { name: /All 10,243 characters/ }).click();
    expect(await long.textContent()).toContain("xend");
    await row("html").getByRole("button").click();
    expect(await row("html").getByRole("alert").textContent()).toContain("<img src=x onerror=alert(1)>");
    expect(await page.evaluate(() => document.querySelectorAll("#panel img, #panel script").length)).toBe(0);
    podium.status = reply.text(JSON.stringify({ success: false, error: `${hostile.turned} ${hostile.long}` }), 503);
    await page.reload();
    await page.locator(".state.warn", { hasText: /Podium degraded.*evil/ }).waitFor();
    // Neither turning marks nor a line of any length is in the bar, until somebody asks for it.
    expect(await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText))).toBe(false);
    expect(await page.locator(".top").evaluate((top) => top.clientHeight)).toBeLessThan(200);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await front.kill();
    await podium.down();
  });

  test("nothing was complained about: no policy broken, nobody else asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
