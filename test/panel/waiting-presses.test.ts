import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { reply, yes } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import { gatewayServer } from "./servers.ts";
import { useStage } from "./stage.ts";

const catalogue = { stories: [1, 2, 3, 4, 5, 6].map((n) => ({ storyId: `STORY-${n}`, status: "todo" })) };

browserSuite("presses that wait in a page when a halt comes from elsewhere", (screen) => {
  const stage = useStage(screen);

  const open = async (url = stage.gateway.url): Promise<Page> => {
    stage.podium.status = reply.text(JSON.stringify(catalogue));
    const page = await screen.page(url);
    await page.locator(".state.good").waitFor();
    return page;
  };
  /** Opened at the end of each test: until then Podium answers to halts only. */
  let gate = Promise.withResolvers<void>();
  beforeEach(() => {
    gate = Promise.withResolvers();
    const held = reply.after(gate.promise, reply.text(yes));
    stage.podium.otherwise = (socket, seen) =>
      seen.body.includes('"HALT"') ? reply.text(yes)(socket, seen) : held(socket, seen);
  });
  afterEach(() => gate.resolve());
  /** More than are sent at a time. */
  const pressAll = async (page: Page): Promise<void> => {
    await page.locator(".story").nth(5).waitFor();
    await page.evaluate(() => {
      for (const button of document.querySelectorAll<HTMLElement>(".story .command")) button.click();
    });
    await stage.podium.commandsSeen(1);
    await page.locator(".story .command.sending").nth(5).waitFor();
  };
  const sentAway = (page: Page) =>
    page.locator(".story").getByRole("alert").filter({ hasText: "A halt came while it was waiting in this page" });
  const enqueued = (): number => stage.podium.commands.filter(({ body }) => body.includes("ENQUEUE_STORY")).length;

  test("another tab's: they are not sent after it, and say so", async () => {
    const page = await open();
    const other = await page.context().newPage();
    await other.goto(stage.gateway.url);
    await other.locator(".state.good").waitFor();
    await pressAll(page);
    await other.locator("#halt").focus();
    await other.keyboard.press("Enter");
    await other.locator("#halt", { hasText: "press again" }).waitFor();
    await other.keyboard.press("Enter");
    await sentAway(page).nth(3).waitFor();
    await other.getByText(/^Halted at/).waitFor();
    expect(enqueued()).toBe(1);
  });

  test("another program's: its answer to one of them tells of it", async () => {
    const page = await open();
    await pressAll(page);
    const body = JSON.stringify({ action: "halt", payload: {}, source: "cli" });
    const headers = { "content-type": "application/json" };
    await fetch(`${stage.gateway.url}/api/orchestrator/dispatch`, { method: "POST", headers, body });
    await sentAway(page).nth(3).waitFor();
    await page.getByRole("alert").filter({ hasText: "cancelled_by_halt" }).waitFor();
    expect(enqueued()).toBe(1);
  });

  test("one that did not come through here at all: the orchestrator says that it is halted", async () => {
    const wide = await gatewayServer(stage.podium.url, { "podium.max_in_flight": "2" }).start();
    const page = await open(wide.url);
    await pressAll(page);
    await stage.podium.commandsSeen(2);
    stage.podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", state: "halted", queue: [] }));
    await sentAway(page).nth(3).waitFor();
    expect(enqueued()).toBe(2);
    await wide.kill();
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
