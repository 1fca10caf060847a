import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Locator, Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

browserSuite("the keyboard's place, in a browser", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    gateway = await gatewayServer(podium.url).start();
  });
  afterEach(() => podium.reset());
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await podium?.down();
  });

  /** What Podium says from now on, in its telemetry and when it is asked. */
  const say = (told: object): void => {
    podium.status = reply.text(JSON.stringify({ stories: [], ...told }));
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", ...told }));
  };
  const story = (status: string) => ({ stories: [{ storyId: "S-1", status }] });
  const live = async (told: object, path = ""): Promise<Page> => {
    podium.status = reply.text(JSON.stringify({ stories: [], ...told }));
    const page = await screen.page(`${gateway.url}/${path}`);
    await page.locator(".state.good").waitFor();
    return page;
  };
  /** Presses Enter on it, waits until it has gone, and for the focus to be at the place. */
  const press = async (at: Locator, place: string, meanwhile = (): void => {}): Promise<void> => {
    const element = await at.elementHandle();
    await at.focus();
    await at.press("Enter");
    meanwhile();
    await at.page().waitForFunction((one) => !one.isConnected, element);
    await focused(at.page(), place);
  };
  const focused = async (page: Page, place: string): Promise<void> => {
    await page.waitForFunction((where) => document.activeElement?.matches(where), place);
  };
  const away = (at: Locator) => at.getByRole("button", { name: "Put this message away" });

  test("a story's end takes its Cancel button away: its row has the focus, and pressing on does nothing", async () => {
    const page = await live(story("in_progress"));
    const before = podium.commands.length;
    const row = page.locator(".story", { hasText: "S-1" });
    await press(row.getByRole("button", { name: "Cancel S-1" }), ".row.story", () => say(story("cancelled")));
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest(".story") !== null)).toBe(true);
    expect(podium.commands.length - before).toBe(1);
  });

  test("a message that is put away leaves the focus in its row; the halt's leaves it in the bar", async () => {
    const page = await live(story("todo"));
    podium.otherwise = reply.text('{"success":false,"error":"not now"}');
    const row = page.locator(".story", { hasText: "S-1" });
    await row.getByRole("button", { name: "Run S-1" }).press("Enter");
    await press(away(row), ".row.story");
    podium.otherwise = reply.text('{"success":true}');
    await page.keyboard.press("h");
    await page.keyboard.press("Enter");
    await page.locator("#halt", { hasText: "press again" }).waitFor();
    await page.keyboard.press("Enter");
    await press(away(page.locator(".top")), ".top > .state");
  });

  test("a plan's steps leave the focus in its row", async () => {
    const plan = (status: string) => ({ plans: [{ planId: "SKOREQ-1", status }] });
    const page = await live(plan("new"));
    podium.next(reply.text('{"success":true,"nonce":"0123456789abcdef"}'));
    const row = page.locator(".plan", { hasText: "SKOREQ-1" });
    await row.getByRole("button", { name: "Prepare" }).press("Enter");
    await press(row.getByRole("button", { name: "Apply" }), ".row.plan", () => say(plan("applied")));
    await press(row.getByRole("button", { name: "Enqueue" }), ".row.plan", () => say(plan("running")));
  });

  test("a gap that was seen leaves the focus in the bar's line", async () => {
    const page = await live({});
    podium.sockets[0]!.drop();
    await press(page.getByRole("button", { name: "Seen" }), ".state");
  });

  test("a link to a dispatch's records leads to them, from a row, from the list and from a message; closing leads back", async () => {
    const page = await live({ stories: ["S-1", "S-2"].map((storyId) => ({ storyId, status: "todo" })) });
    await page.getByRole("button", { name: "Run S-1" }).press("Enter");
    await press(page.locator(".job a").first(), "#dispatch-records-title");
    await page.locator(".table a").first().waitFor();
    await press(page.getByRole("link", { name: "Close these records" }), ".table a");
    await page.locator(".table a").first().press("Enter");
    await focused(page, "#dispatch-records-title");
    await page.keyboard.press("1");
    await focused(page, "h1");
    podium.otherwise = reply.text('{"success":false,"error":"not now"}');
    await page.getByRole("button", { name: "Run S-2" }).press("Enter");
    await press(page.getByRole("link", { name: "its records" }), "#dispatch-records-title");
  });

  test("records that are closed before the list is there lead to the list's title", async () => {
    const page = await live(story("todo"));
    const list = Promise.withResolvers<void>();
    await page.route(/\/audit\?/, async (route) => list.promise.then(async () => route.continue()));
    await page.getByRole("button", { name: "Run S-1" }).press("Enter");
    await press(page.locator(".job a").first(), "#dispatch-records-title");
    await press(page.getByRole("link", { name: "Close these records" }), "#records-title");
    list.resolve();
    await page.locator(".table a").first().waitFor();
    await focused(page, "#records-title");
  });

  test("an entry that is moved in the queue keeps the focus; one that leaves it leaves the focus in its card", async () => {
    const queue = (...ids: string[]) => ({ queue: ids.map((storyId) => ({ storyId })) });
    const page = await live(queue("Q-1", "Q-2", "Q-3"));
    const entries = page.locator(".queue-entry");
    await entries.first().getByRole("button", { name: "Cancel Q-1" }).focus();
    say(queue("Q-2", "Q-3", "Q-1"));
    await entries.nth(2).filter({ hasText: "Q-1" }).waitFor();
    await focused(page, "[aria-label='Cancel Q-1']");
    say(queue("Q-2", "Q-3"));
    await entries.nth(2).waitFor({ state: "detached" });
    await focused(page, ".card:has(#queue-title)");
  });

  test("who leaves a place by hand is not led back to it", async () => {
    const page = await live(story("in_progress"));
    await page.getByRole("button", { name: "Cancel S-1" }).focus();
    await page.locator("main").click({ position: { x: 2, y: 2 } });
    say(story("done"));
    await page.getByRole("button", { name: "Cancel S-1" }).waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
