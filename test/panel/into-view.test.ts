import { expect, test } from "bun:test";
import type { Locator, Page } from "playwright-core";
import { reply, yes } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import { useStage } from "./stage.ts";

const stories = Array.from({ length: 30 }, (_, i) => ({ storyId: `S-${i + 1}`, status: "todo" }));
const plans = ["SKOREQ-1", "SKOREQ-2"].map((planId) => ({ planId, status: "new" }));

browserSuite("what a press came to, in a browser", (screen) => {
  const stage = useStage(screen);

  const live = async (viewport = { width: 1280, height: 800 }): Promise<Page> => {
    stage.podium.status = reply.text(JSON.stringify({ stories, plans }));
    const page = await screen.page(stage.gateway.url, { viewport, reducedMotion: "reduce" });
    await page.locator(".state.good").waitFor();
    return page;
  };
  /** The whole of it can be seen, and nothing lies over its middle. */
  const isSeen = (at: Locator): Promise<boolean> =>
    at.evaluate((element) => {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      const under = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      return [4, bottom - top - 4].every((y) => element.contains(document.elementFromPoint(left + 8, top + y)))
        ? element.contains(under)
        : false;
    });
  const shown = async (at: Locator): Promise<void> => {
    await at.waitFor();
    // Two frames: what moves is drawn, and then moved.
    await at.page().evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    expect(await isSeen(at)).toBe(true);
  };
  const scrolled = (page: Page): Promise<number[]> =>
    page.evaluate(() => [scrollY, document.querySelector(".stories-room")!.scrollTop]);
  const refusal = reply.text('{"success":false,"error":"it is not eligible, for reasons that take a while to say"}');
  /** The last row whose button can be seen. */
  const lastRow = async (page: Page): Promise<Locator> => {
    const buttons = page.locator(".story .command");
    const seen = await buttons.evaluateAll((all) =>
      all.findLastIndex((one) => one.getBoundingClientRect().bottom < innerHeight - 4),
    );
    return page.locator(".story").nth(seen);
  };

  test("is brought into view where it stands: a refusal in the last row that could be seen", async () => {
    const page = await live();
    stage.podium.otherwise = refusal;
    const row = await lastRow(page);
    await row.getByRole("button", { name: /^Run/ }).click();
    await shown(row.getByRole("alert"));
  });

  test("moves nothing while somebody has gone on to type elsewhere", async () => {
    const page = await live();
    const gate = Promise.withResolvers<void>();
    stage.podium.otherwise = reply.after(gate.promise, refusal);
    const row = await lastRow(page);
    await row.getByRole("button", { name: /^Run/ }).click();
    await page.fill("#story-id", "S-");
    const before = await scrolled(page);
    gate.resolve();
    await row.getByRole("alert").waitFor();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    expect(await scrolled(page)).toEqual(before);
  });

  test("is seen of a plan at each step: what is staged with its Apply, and then Enqueue", async () => {
    const page = await live();
    const staged = Array.from({ length: 40 }, (_, i) => ({ storyId: `NEW-${i}`, title: "To be added" }));
    stage.podium.next(reply.text(JSON.stringify({ success: true, nonce: "n-1", stories: staged })), reply.text(yes));
    const plan = page.locator(".plan", { hasText: "SKOREQ-2" });
    await plan.getByRole("button", { name: /^Prepare/ }).press("Enter");
    const apply = plan.getByRole("button", { name: "Apply 40 stories" });
    await shown(apply);
    await apply.press("Enter");
    await shown(plan.getByRole("button", { name: /^Enqueue/ }));
  });

  test("that is no news moves nothing: a page that is turned to, and a row that a search brings back", async () => {
    const page = await live();
    stage.podium.otherwise = refusal;
    const row = page.locator(".story", { hasText: /^todoS-20\b/ });
    await row.getByRole("button", { name: /^Run/ }).press("Enter");
    await shown(row.getByRole("alert"));
    await page.evaluate(() => Object.assign(Date, { now: () => new Date().getTime() + 60_000 }));
    await page.keyboard.press("2");
    await page.locator("#records-title").waitFor();
    await page.keyboard.press("1");
    await row.getByRole("alert").waitFor();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    expect(await scrolled(page)).toEqual([0, 0]);
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
