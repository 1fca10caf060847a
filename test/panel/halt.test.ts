import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

const catalogue = JSON.stringify({
  stories: Array.from({ length: 8 }, (_, i) => ({ storyId: `STORY-${i + 1}`, status: "todo" })),
});

browserSuite("halting in a browser", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    gateway = await gatewayServer(podium.url).start();
  });
  afterEach(async () => {
    await screen.closeContexts();
    podium.reset();
  });
  afterAll(async () => {
    await gateway?.kill();
    await podium?.down();
  });

  const halts = (): number => podium.requests.filter(({ body }) => body.includes('"HALT"')).length;
  const open = async (): Promise<Page> => {
    podium.status = reply.text(catalogue);
    const page = await screen.page(gateway.url);
    await page.locator(".story").first().waitFor();
    return page;
  };

  test("held for a second it halts; let go sooner it does nothing and says how", async () => {
    const page = await open();
    const halt = page.locator("#halt");
    await halt.click();
    await halt.getByText("Hold 1 second").waitFor();
    await halt.click({ delay: 1_200 });
    await page.getByText(/^Halted at/).waitFor();
    expect(halts()).toBe(1);
    podium.status = reply.text('{"orchestrator":{"state":"halted"},"stories":[],"queue":[]}');
    await page.reload();
    await page.locator(".state.warn b", { hasText: "Halted" }).waitFor();
  });

  test("with the keyboard it asks once more; Escape and leaving take it back; a key held down is one press", async () => {
    const page = await open();
    const halt = page.locator("#halt");
    await page.keyboard.press("h");
    await page.keyboard.press("Enter");
    await halt.getByText("Again to halt").waitFor();
    await page.keyboard.press("Escape");
    await halt.getByText("Halt", { exact: true }).waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await halt.getByText("Halt", { exact: true }).waitFor();
    await halt.focus();
    for (let i = 0; i < 5; i++) await page.keyboard.down("Enter");
    await page.keyboard.up("Enter");
    await halt.getByText("Again to halt").waitFor();
    expect(halts()).toBe(0);
    await page.keyboard.press("Enter");
    await page.getByText(/^Halted at/).waitFor();
    expect(halts()).toBe(1);
  });

  test("a halt that did not come through says so, and whether it ran", async () => {
    const page = await open();
    podium.otherwise = reply.text('{"success":false,"error":"no brakes"}');
    await page.locator("#halt").click({ delay: 1_200 });
    expect(await page.locator(".top").getByRole("alert").textContent()).toMatch(/no brakes.*Nothing was executed/s);
  });

  test("it passes while every connection of the browser waits for a Podium that hangs", async () => {
    const page = await open();
    const others = [await page.context().newPage(), await page.context().newPage()];
    for (const other of others) {
      await other.goto(gateway.url);
      await other.locator(".story").first().waitFor();
    }
    podium.status = reply.hang();
    podium.otherwise = (socket, seen) =>
      seen.body.includes("HALT") ? reply.text('{"success":true}')(socket, seen) : undefined;
    for (const at of [...others, page]) {
      // Clicks of the page's own: six of them fill what the browser grants, with or without somebody who waits for each.
      await at.evaluate(() => {
        for (const button of document.querySelectorAll<HTMLElement>(".story .command")) button.click();
      });
    }
    await page.locator("#halt").focus();
    await page.keyboard.press("Enter");
    const pressedAt = performance.now();
    await page.keyboard.press("Enter");
    await page.getByText(/^Halted at/).waitFor();
    expect(halts()).toBe(1);
    expect(performance.now() - pressedAt).toBeLessThan(5_000);
  });
});
