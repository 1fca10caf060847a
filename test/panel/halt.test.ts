import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { Reply } from "../e2e/podium-stub.ts";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { eventually } from "../e2e/watch.ts";
import { browserSuite } from "./browser.ts";
import { gatewayServer } from "./servers.ts";
import { useStage } from "./stage.ts";

const catalogue = JSON.stringify({
  stories: Array.from({ length: 8 }, (_, i) => ({ storyId: `STORY-${i + 1}`, status: "todo" })),
});

browserSuite("halting in a browser", (screen) => {
  const stage = useStage(screen);

  const halts = (): number => stage.podium.requests.filter(({ body }) => body.includes('"HALT"')).length;
  const idle = (page: Page) => page.locator("#halt", { hasText: /^Halt $/ });
  const open = async (): Promise<Page> => {
    stage.podium.status = reply.text(catalogue);
    const page = await screen.page(stage.gateway.url);
    await page.locator(".story").first().waitFor();
    return page;
  };

  test("held for a second it halts; let go sooner it does nothing and says how", async () => {
    const page = await open();
    const halt = page.locator("#halt");
    await halt.click();
    await halt.getByText("hold 1 second").waitFor();
    await halt.click({ delay: 1_200 });
    await page.getByText(/^Halted at/).waitFor();
    expect(halts()).toBe(1);
    stage.podium.status = reply.text('{"orchestrator":{"state":"halted"},"stories":[],"queue":[]}');
    await page.reload();
    await page.locator(".state.warn b", { hasText: "Halted" }).waitFor();
  });

  test("with the keyboard it asks once more; Escape and leaving take it back; a key held down is one press", async () => {
    const page = await open();
    const halt = page.locator("#halt");
    await page.keyboard.press("h");
    await page.keyboard.press("Enter");
    await halt.getByText("press again").waitFor();
    await page.keyboard.press("Escape");
    await idle(page).waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await idle(page).waitFor();
    await halt.focus();
    for (let i = 0; i < 5; i++) await page.keyboard.down("Enter");
    await page.keyboard.up("Enter");
    await halt.getByText("press again").waitFor();
    expect(halts()).toBe(0);
    await page.keyboard.press("Enter");
    await page.getByText(/^Halted at/).waitFor();
    expect(halts()).toBe(1);
  });

  test("what was begun and left expires: a stray Enter minutes later asks once more, and the word Halt never goes", async () => {
    stage.podium.status = reply.text(catalogue);
    const page = await (await screen.context()).newPage();
    await page.clock.install();
    await page.goto(stage.gateway.url);
    await page.locator(".story").first().waitFor();
    const halt = page.locator("#halt");
    const begin = async (gesture: () => Promise<void>, words: string): Promise<void> => {
      await gesture();
      await page.locator("#halt", { hasText: `Halt ${words}` }).waitFor();
      await page.clock.fastForward(8_000);
      await idle(page).waitFor();
    };
    await begin(() => halt.click(), "hold 1 second");
    await begin(() => page.keyboard.press("Enter"), "press again");
    await begin(() => page.keyboard.press("Enter"), "press again");
    expect(halts()).toBe(0);
  });

  test("what takes a hold back takes it back: Escape, Tab, a finger that slides away", async () => {
    stage.podium.status = reply.text(catalogue);
    const page = await (await screen.context({ hasTouch: true })).newPage();
    await page.clock.install();
    await page.goto(stage.gateway.url);
    await page.locator(".story").first().waitFor();
    const halt = page.locator("#halt");
    const holding = halt.getByText("keep holding");
    const { x, y, width, height } = (await halt.boundingBox())!;
    for (const key of ["Escape", "Tab"]) {
      await halt.hover();
      await page.mouse.down();
      await holding.waitFor();
      await page.keyboard.press(key);
      await idle(page).waitFor();
      await page.clock.fastForward(2_000);
      await page.mouse.up();
    }
    const touch = await page.context().newCDPSession(page);
    const at = { x: x + width / 2, y: y + height / 2 };
    await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at] });
    await holding.waitFor();
    await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [{ x: at.x, y: at.y + 300 }] });
    await idle(page).waitFor();
    await page.clock.fastForward(2_000);
    await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    expect(halts()).toBe(0);
    expect(await page.locator(".top > .note").count()).toBe(0);
    await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at] });
    await holding.waitFor();
    await page.clock.fastForward(1_000);
    await page.getByText(/^Halted at/).waitFor();
  });

  test("its button keeps its size and place whatever it says, so that a finger on a telephone can hold it", async () => {
    stage.podium.status = reply.text(catalogue);
    const page = await screen.page(stage.gateway.url, { viewport: { width: 360, height: 800 } });
    await page.locator(".story").first().waitFor();
    const halt = page.locator("#halt");
    // Not its height in the page: what is pressed goes down by a pixel, as every button does.
    const place = () => halt.boundingBox().then((box) => [box?.x, box?.width, box?.height]);
    const before = await place();
    await halt.hover();
    await page.mouse.down();
    await halt.getByText("keep holding").waitFor();
    expect(await place()).toEqual(before);
    await page.getByText(/^Halted at/).waitFor();
    await page.mouse.up();
    await page.keyboard.press("Enter");
    await halt.getByText("press again").waitFor();
    expect(await place()).toEqual(before);
  });

  test("a halt that did not come through says that first, or that nobody knows, each thing once, and what to do", async () => {
    // One of its own: the others' telemetry is not to be lost with it.
    const brittle = await PodiumStub.start();
    const hasty = await gatewayServer(brittle.url, { "podium.timeout_ms": "1000" }).start();
    const page = await screen.page(hasty.url);
    await page.locator(".state.good").waitFor();
    const note = page.locator(".top").getByRole("alert");
    const halted = async (told: Reply, title: string): Promise<string | null> => {
      brittle.otherwise = told;
      await page.locator("#halt").click({ delay: 1_200 });
      await note.filter({ hasText: title }).waitFor();
      return note.textContent();
    };
    const again =
      "Halt again: a second halt does no harm. Where none comes through, stop the orchestrator's own process.";
    const refused = await halted(reply.text('{"success":false,"error":"no brakes"}'), "NOT HALTED");
    expect(refused).toMatch(/^NOT HALTED at [\d:]{8}\. Podium refused the command: no brakes\.Halt again/);
    expect(refused).toContain(again);
    const unanswered = await halted(reply.hang(), "Not known whether it halted");
    expect(unanswered).toMatch(
      /^Not known whether it halted at [\d:]{8}\. Podium did not answer in time: [^.]*1000 ms\.Halt again/,
    );
    expect(unanswered).not.toContain("Idempotency-Key");
    await brittle.down();
    const unreachable = await halted(reply.hang(), "NOT HALTED");
    expect(unreachable).toMatch(/^NOT HALTED at [\d:]{8}\. Podium can't be reached: (?!Podium)[^.]*\.Halt again/);
    await hasty.kill();
  });

  test("while it is on its way its seconds are counted for the eye, and not said again each second", async () => {
    const page = await open();
    const gate = Promise.withResolvers<void>();
    stage.podium.next(reply.after(gate.promise, reply.text('{"success":true}')));
    const halt = page.locator("#halt");
    await halt.click({ delay: 1_200 });
    await halt.getByText(/Halting · [1-9]/).waitFor();
    expect(await page.getByRole("button", { name: "Halting", exact: true }).count()).toBe(1);
    gate.resolve();
    await page.getByText(/^Halted at/).waitFor();
  });

  test("a gateway that takes nothing because its disk is full says so, and still takes a halt", async () => {
    const full = await gatewayServer(stage.podium.url, { "audit.disk_reserve_mb": "1048576" }).start();
    const page = await screen.page(full.url);
    await page
      .locator(".state.bad", { hasText: /Takes nothing.*audit\.disk_reserve_mb.*A halt is still taken/ })
      .waitFor();
    await page.locator("#halt").click({ delay: 1_200 });
    await page.getByText(/^Halted at/).waitFor();
    await full.kill();
  });

  test("telemetry by the dozen is no question to Podium by the dozen: one a second at most, and one at the end", async () => {
    const page = await open();
    await page.locator(".state.good b", { hasText: "Live" }).waitFor();
    const asked = (): number => stage.podium.requests.filter(({ path }) => path === "/api/status").length;
    const [before, startedAt] = [asked(), performance.now()];
    for (let i = 0; i < 60; i++) {
      const storyId = `STORY-${(i % 8) + 1}`;
      stage.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId, status: i % 2 ? "in_progress" : "queued" }));
      // Not one burst: frames that keep coming are what it is about.
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    stage.podium.status = reply.text('{"stories":[{"storyId":"STORY-LAST","status":"todo"}]}');
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(asked() - before).toBeGreaterThan(0);
    expect(asked() - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    await page.locator(".story", { hasText: "STORY-LAST" }).waitFor();
  });

  test("a queue that fills and empties moves nothing below it", async () => {
    stage.podium.status = reply.text('{"stories":[],"queue":[]}');
    const page = await screen.page(stage.gateway.url);
    await page.locator(".state.good b", { hasText: "Live" }).waitFor();
    const top = () => page.locator("#jobs-title").evaluate((title) => title.getBoundingClientRect().top + scrollY);
    const empty = await top();
    const queue = Array.from({ length: 6 }, (_, i) => ({ storyId: `STORY-${i}`, status: "queued" }));
    stage.podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", queue }));
    await page.locator(".queue-entry").nth(5).waitFor();
    expect(await top()).toBe(empty);
  });

  test("a button stays under the pointer that aims at it, and a double click's second half presses nothing", async () => {
    const queue = (...ids: string[]): string =>
      JSON.stringify({
        type: "QUEUE_UPDATE",
        stories: [],
        queue: ids.map((storyId) => ({ storyId, status: "queued" })),
      });
    stage.podium.status = reply.text(queue("STORY-1", "STORY-2"));
    const page = await screen.page(stage.gateway.url);
    const button = page.getByRole("button", { name: "Cancel STORY-1" }).last();
    const { x, y, width, height } = (await button.boundingBox())!;
    const [left, top] = [x + width / 2, y + height / 2];
    await page.mouse.click(left, top);
    stage.podium.status = reply.text(queue("STORY-2"));
    stage.podium.emit(queue("STORY-2"));
    await page.locator("#queue-title .count", { hasText: "1" }).waitFor();
    const under = await page.evaluate(
      ([a, b]) => document.elementFromPoint(a!, b!)?.closest("button")?.ariaLabel,
      [left, top],
    );
    expect(under).toStartWith("Cancel STORY-1");
    await page.mouse.down({ clickCount: 2 });
    await page.mouse.up({ clickCount: 2 });
    // Commands arrive in the order of their presses: had that one counted, it would be there before this one.
    await page.getByRole("button", { name: "Run STORY-2" }).last().click();
    const sent = (): string[] => stage.podium.commands.map(({ body }) => body);
    await eventually(() => sent().find((body) => body.includes("ENQUEUE_STORY")), "the story is enqueued");
    expect(sent().filter((body) => body.includes("CANCEL_STORY"))).toHaveLength(1);
  });

  test("it passes while every connection of the browser waits for a Podium that hangs", async () => {
    const page = await open();
    const others = [await page.context().newPage(), await page.context().newPage()];
    for (const other of others) {
      await other.goto(stage.gateway.url);
      await other.locator(".story").first().waitFor();
    }
    stage.podium.status = reply.hang();
    stage.podium.otherwise = (socket, seen) =>
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
