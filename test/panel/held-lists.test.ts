import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

browserSuite("lists that hold still, in a browser", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    podium.status = reply.text('{"stories":[],"queue":[]}');
    gateway = await gatewayServer(podium.url).start();
    for (const id of ["STORY-1", "STORY-2"]) await dispatch(id);
  });
  afterAll(async () => {
    await gateway?.kill();
    await podium?.down();
  });

  /** As somebody else would, from elsewhere. */
  const dispatch = async (id: string): Promise<void> => {
    const answer = await fetch(`${gateway.url}/api/orchestrator/dispatch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ action: "enqueue_story", payload: { story_id: id }, source: "command-center" }),
    });
    expect(answer.status).toBe(200);
  };
  const firstOf = (page: Page): Promise<string | null> => page.locator(".job").first().textContent();
  const newcomers = (page: Page) => page.locator(".card", { has: page.locator("#jobs-title") }).locator(".newcomers");

  test("a dispatch from elsewhere pushes no row from under the pointer: it is told, and shown when the pointer leaves", async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".job").nth(1).waitFor();
    const row = page.locator(".job", { hasText: "STORY-2" });
    const place = () => row.evaluate((at) => at.getBoundingClientRect().top + scrollY);
    await row.hover();
    const before = await place();
    await dispatch("STORY-3");
    await newcomers(page).getByRole("button", { name: "1 new dispatch: show" }).waitFor();
    expect(await place()).toBe(before);
    expect(await firstOf(page)).toContain("STORY-2");
    await page.mouse.move(1, 1);
    await page.locator(".job").nth(2).waitFor();
    expect(await firstOf(page)).toContain("STORY-3");
    expect(await newcomers(page).getByRole("button").count()).toBe(0);
  });

  test("the same for the keyboard, whose reader may ask for what is new", async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".job").nth(2).waitFor();
    await page.keyboard.press("d");
    const inList = () => page.evaluate(() => document.activeElement?.closest(".job") !== null);
    while (!(await inList())) await page.keyboard.press("Tab");
    await dispatch("STORY-4");
    const show = newcomers(page).getByRole("button", { name: "1 new dispatch: show" });
    await show.waitFor();
    await page.keyboard.press("Tab");
    expect(await inList()).toBe(true);
    expect(await firstOf(page)).toContain("STORY-3");
    await show.press("Enter");
    await page.locator(".job").nth(3).waitFor();
    expect(await firstOf(page)).toContain("STORY-4");
    await page.keyboard.press("Tab");
    expect(await inList()).toBe(true);
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
