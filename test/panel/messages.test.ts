import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import { useStage } from "./stage.ts";

const told = (queue: readonly string[]): string =>
  JSON.stringify({ stories: ["S-1", "S-2"].map((storyId) => ({ storyId, status: "todo" })), queue });

browserSuite("messages in a browser", (screen) => {
  const stage = useStage(screen);

  const live = async (queue: readonly string[] = []): Promise<Page> => {
    stage.podium.status = reply.text(told(queue));
    stage.podium.otherwise = reply.text('{"success":false,"error":"not now"}');
    const page = await screen.page(stage.gateway.url);
    await page.locator(".state", { hasText: "Live" }).waitFor();
    return page;
  };
  const alertsIn = (page: Page, place: string) => page.locator(place).getByRole("alert");
  const everywhere = async (page: Page): Promise<number> => page.getByRole("alert").count();

  test("stand once, where they were caused: in the form, in the story's row, in the queue's", async () => {
    const page = await live(["S-2"]);
    await page.fill("#story-id", "S-1");
    await page.keyboard.press("Enter");
    await alertsIn(page, ".story-form").waitFor();
    expect(await everywhere(page)).toBe(1);
    // Where another id is typed meanwhile, it is not lost.
    await page.fill("#story-id", "S-3");
    await alertsIn(page, ".story").waitFor();
    await page.fill("#story-id", "S-1");
    await alertsIn(page, ".story-form").waitFor();
    expect(await everywhere(page)).toBe(1);
    await page.getByRole("button", { name: "Put this message away" }).click();
    await page.getByRole("button", { name: "Run S-1" }).press("Enter");
    await alertsIn(page, ".story").waitFor();
    expect(await everywhere(page)).toBe(1);
    await page.locator(".queue-entry").getByRole("button", { name: "Cancel S-2" }).press("Enter");
    await alertsIn(page, ".queue-entry").waitFor();
    expect(await everywhere(page)).toBe(2);
    stage.podium.status = reply.text(told([]));
    stage.podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", queue: [] }));
    await alertsIn(page, ".story").nth(1).waitFor();
    expect(await everywhere(page)).toBe(2);
  });

  test("whose cause has gone stay, and say that they are of the past", async () => {
    const page = await live();
    await stage.podium.down();
    await page.locator(".state b", { hasText: "Podium lost" }).waitFor();
    const row = page.locator(".story", { hasText: "S-1" });
    await row.getByRole("button", { name: "Run S-1" }).click();
    await row.getByRole("alert").filter({ hasText: "Start Podium" }).waitFor();
    await stage.podium.up();
    const past = row.getByRole("note");
    await past.filter({ hasText: "Podium answers by now: press again when you like." }).waitFor();
    expect(await past.textContent()).toMatch(/^Podium can't be reached at \d\d:\d\d:\d\d\. .*Nothing was executed/s);
    expect(await past.textContent()).not.toContain("Start Podium");
    expect(await everywhere(page)).toBe(0);
    await past.getByRole("button", { name: "Put this message away" }).click();
    await past.waitFor({ state: "detached" });
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
