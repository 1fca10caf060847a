import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserSuite } from "./browser.ts";
import { useStage } from "./stage.ts";

browserSuite("the help, in a browser", (screen) => {
  const stage = useStage(screen);

  const open = async (viewport = { width: 1280, height: 800 }): Promise<Page> => {
    const page = await screen.page(stage.gateway.url, { viewport });
    await page.locator(".state.good").waitFor();
    await page.getByRole("button", { name: "Help and keyboard" }).click();
    await page.getByRole("dialog").waitFor();
    return page;
  };
  const closed = (page: Page) => page.getByRole("dialog").waitFor({ state: "detached" });
  const focused = (page: Page) => page.evaluate(() => document.activeElement?.id);

  test("takes the stop out of nobody's reach: not a pointer's, at any size, nor the keyboard's", async () => {
    for (const [width, height] of [
      [1280, 800],
      [360, 800],
      [320, 256],
    ] as const) {
      const page = await open({ width, height });
      await page.locator("#halt").click({ delay: 1_200 });
      await page.getByText(/^Halted at/).waitFor();
      await page.close();
    }
    const page = await open();
    await page.getByLabel("Single keys do this").focus();
    await page.keyboard.press("h");
    await closed(page);
    await page.keyboard.press("Enter");
    await page.locator("#halt", { hasText: "press again" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByText(/^Halted at/).waitFor();
  });

  test("goes with Escape, from wherever, and with the key of something else", async () => {
    const page = await open();
    await page.keyboard.press("Escape");
    await closed(page);
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("d");
    await closed(page);
    expect(await focused(page)).toBe("story-id");
    await page.locator("#story-id").blur();
    await page.keyboard.press("?");
    await page.locator("main").click({ position: { x: 2, y: 2 } });
    await page.keyboard.press("Escape");
    await closed(page);
  });

  test("goes when somebody goes on to something else, which keeps the focus", async () => {
    const page = await open();
    await page.locator("#story-id").click();
    await closed(page);
    expect(await focused(page)).toBe("story-id");
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
