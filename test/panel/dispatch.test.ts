import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

browserSuite("dispatching in a browser", (screen) => {
  let luno: Server;
  let gateway: Server;
  /** One page for all: each test has stories of its own, as an operator's day has. */
  let page: Page;
  beforeAll(async () => {
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
    page = await live();
  });
  afterAll(async () => {
    await gateway?.kill();
    await luno?.kill();
  });

  const intents = async (story: string): Promise<number> => {
    const answer = await fetch(`${gateway.url}/api/orchestrator/audit?event=intent&story=${story}`);
    return ((await answer.json()) as { records: unknown[] }).records.length;
  };
  const live = async (): Promise<Page> => {
    const opened = await screen.page(gateway.url);
    await opened.locator(".state.good").waitFor();
    return opened;
  };
  const row = (at: Page, id: string) => at.locator(".story", { hasText: id });
  const way = (at: Page, id: string) => at.locator(".job", { hasText: id }).first();

  test("a story typed with spaces around it runs, and its way is followed to its end", async () => {
    const height = () => row(page, "STORY-001").evaluate((story) => story.clientHeight);
    const before = await height();
    await page.keyboard.press("d");
    await page.keyboard.type("  STORY-001  ");
    await page.keyboard.press("Enter");
    await page.locator(".answer a", { hasText: /^JOB-\d{8}-\d{3,}$/ }).waitFor();
    await way(page, "STORY-001").locator(".steps .good", { hasText: "Done" }).waitFor();
    await row(page, "STORY-001").locator(".status.good", { hasText: "done" }).waitFor();
    const names = await way(page, "STORY-001").locator(".step-name").allTextContents();
    expect(names).toEqual(["Intent", "Forwarded", "Queued", "Running", "Done"]);
    await row(page, "STORY-001").locator(".meta a").waitFor();
    expect(await height()).toBe(before);
    await page.setViewportSize({ width: 360, height: 800 });
    // Each word whole, and in its place.
    const cut = await page
      .locator(".steps li")
      .evaluateAll((steps) => steps.filter((step) => step.scrollWidth > step.clientWidth).length);
    expect(cut).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test("a double click on a play button dispatches once", async () => {
    await row(page, "STORY-002").getByRole("button", { name: "Run STORY-002" }).dblclick();
    await way(page, "STORY-002").locator(".steps .good", { hasText: "Done" }).waitFor();
    expect(await intents("STORY-002")).toBe(1);
  });

  test("Enter pressed twice on a play button does not reach the Cancel button that appears", async () => {
    const button = row(page, "STORY-004").getByRole("button", { name: /^Run/ });
    await button.focus();
    await page.keyboard.press("Enter");
    for (let i = 0; i < 20; i++) await page.keyboard.press("Enter");
    await row(page, "STORY-004").locator(".status", { hasText: "failed" }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(/^Run STORY-004/);
    expect(await intents("STORY-004")).toBe(1);
  });

  test("two tabs may press the same button; each says what became of its press", async () => {
    const two = await live();
    const press = (at: Page) => row(at, "LUNO-026-STORY-033").getByRole("button", { name: /^Run/ }).click();
    const toldOf = async (at: Page): Promise<string> => {
      const told = row(at, "LUNO-026-STORY-033");
      const yes = told
        .locator(".command.accepted")
        .waitFor()
        .then(() => "accepted");
      const no = told
        .getByRole("alert")
        .waitFor()
        .then(() => "refused");
      return Promise.any([yes, no]);
    };
    const telling = Promise.all([page, two].map(toldOf));
    await Promise.all([press(page), press(two)]);
    const answered = await telling;
    // One has run it; the other's is taken or refused, and either is said.
    expect(answered.filter((told) => told === "accepted").length).toBeGreaterThanOrEqual(1);
    for (const at of [page, two]) {
      await way(at, "LUNO-026-STORY-033").waitFor();
      await row(at, "LUNO-026-STORY-033").locator(".status.good", { hasText: "done" }).waitFor();
    }
    const answer = await fetch(`${gateway.url}/api/orchestrator/status`);
    const { podium } = (await answer.json()) as { podium: { stories: { storyId: string; runs: number }[] } };
    expect(podium.stories.find(({ storyId }) => storyId === "LUNO-026-STORY-033")?.runs).toBe(1);
  });

  test("a refusal stands in its row with Podium's words, and stays until it is put away", async () => {
    const story = row(page, "STORY-006");
    await story.getByRole("button", { name: "Run STORY-006" }).click();
    const note = story.getByRole("alert");
    await note.waitFor();
    expect(await note.textContent()).toMatch(/Podium refused.*it is done.*Nothing was executed/s);
    await note.getByRole("button", { name: /put/i }).click();
    await note.waitFor({ state: "detached" });
  });

  test("Enter twice, and Enter held down, on a story that is refused: its reason stays, and it is sent once", async () => {
    const sent: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") sent.push(request.url());
    });
    const form = page.locator(".card", { hasText: "Dispatch" }).first();
    const note = form.getByRole("alert").filter({ hasText: "STORY-007" });
    await page.fill("#story-id", "STORY-007");
    await page.focus("#story-id");
    // The second press comes when the answer to the first is there.
    const answered = page.waitForResponse((response) => response.request().method() === "POST");
    await page.keyboard.press("Enter");
    await answered;
    await note.waitFor();
    await page.keyboard.press("Enter");
    const reason = await note.textContent();
    expect(reason).toMatch(/Podium refused/);
    await page.fill("#story-id", "STORY-008");
    const second = page.waitForResponse((response) => response.request().method() === "POST");
    await page.keyboard.down("Enter");
    await second;
    for (let i = 0; i < 60; i++) await page.keyboard.down("Enter");
    await page.waitForTimeout(600);
    for (let i = 0; i < 5; i++) await page.keyboard.down("Enter");
    await page.keyboard.up("Enter");
    expect(sent.length).toBe(2);
    await page.fill("#story-id", "STORY-007");
    expect(await note.textContent()).toBe(reason);
    await page.fill("#story-id", "");
  });

  test("an id that can't be one is refused with what is wrong with it", async () => {
    await page.fill("#story-id", "no/such story");
    await page.keyboard.press("Enter");
    const note = page
      .locator(".card", { hasText: "Dispatch" })
      .first()
      .getByRole("alert")
      .filter({ hasText: "story_id" });
    expect(await note.textContent()).toMatch(/story_id: Expected.*Nothing was executed.*Correct/s);
  });

  test("a running story is cancelled from its row", async () => {
    await row(page, "STORY-005").getByRole("button", { name: "Run STORY-005" }).click();
    await row(page, "STORY-005").getByRole("button", { name: "Cancel STORY-005" }).click();
    await row(page, "STORY-005").locator(".status", { hasText: "cancelled" }).waitFor();
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
