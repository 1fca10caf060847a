import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

/** What 1280×800 becomes at 200 %, about what a telephone has on its side, and at 400 % (WCAG 2.2, 1.4.10). */
const sizes = [
  [640, 400],
  [320, 256],
] as const;
const story = { storyId: "STORY-1", status: "todo", title: "The only one" };

browserSuite("the panel on low screens", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    podium.status = reply.text(JSON.stringify({ stories: [story] }));
    gateway = await gatewayServer(podium.url).start();
  });
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await podium?.down();
  });

  /** Whether the whole of it can be seen, and nothing lies over it. */
  const inSight = (page: Page, what: string): Promise<boolean> =>
    page.locator(what).evaluate((element) => {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      const corners = [left + 4, right - 4].flatMap((x) => [top + 4, bottom - 4].map((y) => [x, y] as const));
      return corners.every(([x, y]) => element.contains(document.elementFromPoint(x, y)));
    });
  /** Whatever else can be pressed in the bar and lies under the stop. */
  const covered = (page: Page): Promise<(string | null)[]> =>
    page.evaluate(() => {
      const halt = document.querySelector("#halt")!.getBoundingClientRect();
      const others = [...document.querySelectorAll(".top :is(a, button):not(#halt)")];
      const over = others.filter((one) => {
        const { left, right, top, bottom } = one.getBoundingClientRect();
        return left < halt.right && right > halt.left && top < halt.bottom && bottom > halt.top;
      });
      return over.map((one) => one.ariaLabel ?? one.textContent);
    });

  for (const [width, height] of sizes) {
    test(`${width}×${height}: Halt is in sight wherever one reads, covers nothing at the top, and its answer is seen`, async () => {
      const page = await screen.page(gateway.url, { viewport: { width, height } });
      await page.locator(".state.good").waitFor();
      expect(await covered(page)).toEqual([]);
      for (const y of [0, 150, 600, 100_000]) {
        await page.evaluate((to) => scrollTo(0, to), y);
        expect(await inSight(page, "#halt")).toBe(true);
      }
      await page.locator("#halt").click({ delay: 1_200 });
      await page.getByText(/^Halted at/).waitFor();
      expect(await inSight(page, ".top > .note")).toBe(true);
      await page.getByRole("button", { name: "Put this message away" }).click();
      await page.locator(".top > .note").waitFor({ state: "detached" });
    });

    test(`${width}×${height}: what the keyboard comes to is not under it`, async () => {
      const page = await screen.page(gateway.url, { viewport: { width, height } });
      await page.locator(".story").waitFor();
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await page.locator("main :is(a, button, input)").last().focus();
      /** By name, and whether it is seen; undefined when the page's beginning has been passed. */
      const focused = () =>
        page.evaluate(() => {
          const at = document.activeElement;
          if (!at || at === document.body) return undefined;
          const { left, top, right, bottom } = at.getBoundingClientRect();
          const under = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
          const isSeen = under !== null && (at.contains(under) || under.contains(at));
          return { name: at.ariaLabel ?? (at.id === "" ? at.textContent : at.id), isSeen };
        });
      const met: { readonly name: string | null; readonly isSeen: boolean }[] = [];
      for (let at = await focused(); at; at = await focused()) {
        met.push(at);
        await page.keyboard.press("Shift+Tab");
      }
      expect(met.filter(({ isSeen }) => !isSeen)).toEqual([]);
      expect(met.map(({ name }) => name)).toContain("halt");
    });
  }

  test("an answer to a halt that is longer than the screen leaves the stop in sight, and is read where it stands", async () => {
    const page = await screen.page(gateway.url, { viewport: { width: 1280, height: 800 } });
    const words = Array.from({ length: 1_500 }, (_, i) => `word${i}`).join(" ");
    podium.next(reply.text(JSON.stringify({ success: true, message: words })));
    await page.locator("#halt").click({ delay: 1_200 });
    const note = page.locator(".top > .note");
    await note.getByRole("button", { name: /^All/ }).click();
    await note.getByText("word1499").waitFor();
    for (const y of [0, 100_000]) {
      await page.evaluate((to) => scrollTo(0, to), y);
      expect(await inSight(page, "#halt")).toBe(true);
      expect(await inSight(page, ".top > .note")).toBe(true);
    }
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
