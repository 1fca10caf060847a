import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Locator, Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

/** Where a pointer would rest on it. */
async function middle(at: Locator): Promise<[number, number]> {
  const { x, y, width, height } = (await at.boundingBox())!;
  return [x + width / 2, y + height / 2];
}

/** Moves the pointer a little all the time, as somebody does who aims, until it is so. */
async function aimUntil(page: Page, at: Locator, isSo: () => Promise<boolean>): Promise<void> {
  await at.hover();
  const [x, y] = await middle(at);
  for (let i = 1; !(await isSo()); i++) await page.mouse.move(x + (i % 2), y);
}

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
    // A word about a story has the job list read soon, and not at its next turn.
    podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: id, status: "queued" }));
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
    const told = newcomers(page).getByRole("button", { name: "1 new dispatch: show" });
    await aimUntil(page, row, () => told.isVisible());
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
    // Somebody who reads on with the keyboard, to and fro.
    for (let i = 0; !(await show.isVisible()); i++) await page.keyboard.press(i % 2 ? "Shift+Tab" : "Tab");
    expect(await inList()).toBe(true);
    expect(await firstOf(page)).toContain("STORY-3");
    await show.press("Enter");
    await page.locator(".job").nth(3).waitFor();
    expect(await firstOf(page)).toContain("STORY-4");
    await page.keyboard.press("Tab");
    expect(await inList()).toBe(true);
  });

  /** What Podium says from now on, in its telemetry and when it is asked. */
  const say = (told: object): void => {
    podium.status = reply.text(JSON.stringify({ stories: [], ...told }));
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", ...told }));
  };
  /** On a page whose time can be moved on. */
  const timed = async (told: object, path = ""): Promise<Page> => {
    podium.status = reply.text(JSON.stringify({ stories: [], ...told }));
    const page = await (await screen.context()).newPage();
    await page.clock.install();
    await page.goto(`${gateway.url}/${path}`);
    await page.locator(".state.good").waitFor();
    return page;
  };
  const card = (page: Page, title: string) => page.locator(".card", { has: page.locator(title) });
  const queue = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => ({ storyId: `Q-${from + i}`, status: "queued" }));

  test("a queue that runs through under the pointer tells what has left and counts what waits; it goes on when nobody aims", async () => {
    const page = await timed({ queue: queue(1, 14) });
    const here = card(page, "#queue-title");
    const entries = here.locator(".queue-entry");
    await entries.nth(11).waitFor();
    await entries.first().hover();
    say({ queue: queue(4, 20) });
    await here.getByRole("button", { name: "6 new in the queue: show" }).waitFor();
    expect(await entries.first().textContent()).toBe("–Q-1no longer waits");
    expect(await entries.filter({ hasText: "no longer waits" }).count()).toBe(3);
    // 17 wait: nine are drawn, six have come, and two were there below.
    await here.getByText("and 2 more", { exact: true }).waitFor();
    say({ queue: queue(21, 29) });
    await here.getByRole("button", { name: "9 new in the queue: show" }).waitFor();
    expect(await entries.filter({ hasText: "no longer waits" }).count()).toBe(12);
    // Over rows that have all left, moving the pointer on keeps nothing.
    await aimUntil(page, entries.nth(1), async () => {
      await page.clock.fastForward(1_000);
      return (await entries.filter({ hasText: "no longer waits" }).count()) === 0;
    });
    expect(await entries.count()).toBe(9);
    expect(await here.getByRole("button", { name: /new/ }).count()).toBe(0);
  });

  test("a pointer that moves goes on holding, one that rests does not", async () => {
    const page = await timed({ queue: queue(1, 3) });
    const entries = card(page, "#queue-title").locator(".queue-entry");
    await entries.nth(1).hover();
    say({ queue: queue(2, 3) });
    await entries.filter({ hasText: "no longer waits" }).waitFor();
    for (const nth of [2, 1, 2]) {
      await page.clock.fastForward(3_000);
      await page.mouse.move(...(await middle(entries.nth(nth))));
    }
    expect(await entries.count()).toBe(3);
    await page.clock.fastForward(4_500);
    await entries.filter({ hasText: "no longer waits" }).waitFor({ state: "detached" });
  });

  test("a list that goes on under a pointer that rests brings no other button under its press", async () => {
    const page = await timed({ queue: queue(1, 3) });
    const button = (id: string, what = "Cancel") =>
      card(page, "#queue-title").getByRole("button", { name: `${what} ${id}` });
    await button("Q-1").hover();
    const place = await middle(button("Q-1"));
    say({ queue: queue(2, 3) });
    await card(page, "#queue-title").getByText("no longer waits").waitFor();
    await page.clock.fastForward(4_500);
    await button("Q-1").waitFor({ state: "detached" });
    expect(await middle(button("Q-2"))).toEqual(place);
    const sent = (): string[] => podium.commands.map(({ body }) => body).filter((body) => body.includes('"Q-'));
    const press = async (): Promise<void> => {
      await page.mouse.down();
      await page.mouse.up();
    };
    await press();
    // Commands arrive in the order of their presses: had that one counted, it would be there before this one.
    await button("Q-3", "Run").dispatchEvent("click");
    // Who presses once more has seen what is there now.
    await press();
    await podium.until(() => (sent().length > 1 ? true : undefined), "two commands at Podium");
    expect(sent().map((body) => (body.includes("CANCEL") ? "cancel" : "run"))).toEqual(["run", "cancel"]);
  });

  test("Now never has more rows than it had, and no row says that an agent idles which does not", async () => {
    const agents = (a?: string, b?: string) => [
      { agentId: "A1", name: "Agent 1", status: a ? "busy" : "idle", ...(a && { storyId: a }) },
      { agentId: "A2", name: "Agent 2", status: b ? "busy" : "idle", ...(b && { storyId: b }) },
    ];
    const page = await timed({ agents: agents() });
    const here = card(page, "#now-title");
    const rows = here.locator(".agent");
    await rows.first().hover();
    expect(await rows.first().textContent()).toContain("waiting for work");
    for (let i = 1; i <= 24; i += 2) say({ agents: agents(`N-${i}`, `N-${i + 1}`) });
    await here.getByRole("button", { name: "2 new here: show" }).waitFor();
    expect(await rows.allTextContents()).toEqual(["–Agent 1no longer idle", "–Agent 2no longer idle"]);
    await here.getByRole("button", { name: "2 new here: show" }).click();
    await rows.filter({ hasText: "N-24" }).waitFor();
    say({ agents: agents("N-25", "N-24"), stories: [{ storyId: "N-23", status: "done" }] });
    await rows.filter({ hasText: "no longer here" }).filter({ hasText: "done" }).waitFor();
    expect(await rows.count()).toBe(2);
    await page.clock.fastForward(4_500);
    await rows.filter({ hasText: "N-25" }).waitFor();
    expect(await rows.count()).toBe(2);
  });

  test("plans that Podium puts into another order stay as they are for whoever has just pressed one of their steps", async () => {
    const plans = (...all: [id: string, status: string][]) => ({
      plans: all.map(([planId, status]) => ({ planId, status })),
    });
    const page = await timed(plans(["P-1", "new"], ["P-2", "staged"], ["P-3", "new"]));
    const here = card(page, "#plans-title");
    const ids = () => here.locator(".plan .id").allTextContents();
    await here.locator(".plan").nth(1).hover();
    // The box of a step that was taken is gone from under the pointer, which is over the next card then.
    await page.mouse.move(1, 1);
    say(plans(["P-2", "applied"], ["P-1", "new"], ["P-4", "new"], ["P-3", "new"]));
    await here.locator(".status", { hasText: "applied" }).waitFor();
    expect(await ids()).toEqual(["P-1", "P-2", "P-3"]);
    await here.getByRole("button", { name: "1 new plan: show" }).waitFor();
    await page.clock.fastForward(4_500);
    await here.locator(".plan", { hasText: "P-4" }).waitFor();
    expect(await ids()).toEqual(["P-2", "P-1", "P-4", "P-3"]);
  });

  test("however many agents and plans there are, few are drawn: those that work first, and the others are counted", async () => {
    const hundred = Array.from({ length: 100 }, (_, i) => `${i + 1}`);
    const page = await timed({
      agents: hundred.map((n) => ({ agentId: `A-${n}`, ...(n === "100" && { storyId: "N-1" }) })),
      plans: hundred.map((n) => ({ planId: `P-${n}` })),
    });
    const now = card(page, "#now-title");
    await now.getByText("and 76 more", { exact: true }).waitFor();
    expect(await now.locator(".agent").count()).toBe(24);
    expect(await now.locator(".agent").first().textContent()).toContain("N-1");
    const plans = card(page, "#plans-title");
    expect(await plans.locator(".plan").count()).toBe(20);
    await plans.getByRole("button", { name: "80 more" }).click();
    await plans.locator(".plan", { hasText: "P-40" }).waitFor();
  });

  test("where the list of dispatches ends before the dispatches do, it says where the others are", async () => {
    const context = await screen.context();
    await context.route("**/jobs?*", async (route) => {
      const response = await route.fetch();
      const { jobs } = (await response.json()) as { jobs: object[] };
      const many = Array.from({ length: 200 }, (_, i) => ({ ...jobs[0], job_id: `JOB-20260109-${200 - i}` }));
      await route.fulfill({ response, json: { jobs: many } });
    });
    const page = await context.newPage();
    await page.goto(gateway.url);
    const end = page.getByText("Older ones stand in the audit log.");
    await page.locator(".job").first().waitFor();
    expect(await end.count()).toBe(0);
    const more = page.getByRole("button", { name: "Older ones" });
    while (await more.isVisible()) await more.click();
    await end.waitFor();
    expect(await page.locator(".job").count()).toBe(200);
  });

  test("a story that fits the search no longer says how it is now, with what can be done about it", async () => {
    const page = await timed({ stories: ["S-1", "S-2"].map((storyId) => ({ storyId, status: "todo" })) });
    await page.fill("#search", "todo");
    const row = page.locator(".story", { hasText: "S-1" });
    await row.hover();
    podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: "S-1", status: "in_progress" }));
    await row.getByRole("button", { name: "Cancel S-1" }).waitFor();
    expect(await row.locator(".status").textContent()).toBe("in progress");
    await page.fill("#search", "S-2");
    await row.waitFor({ state: "detached" });
  });

  test("an audit search shows what it found, wherever the pointer rests", async () => {
    const page = await timed({}, "#/audit");
    const here = card(page, "#records-title");
    const rows = here.locator("tbody tr");
    await rows.filter({ hasText: "STORY-2" }).first().waitFor();
    await rows.nth(1).hover();
    await page.keyboard.press("/");
    await page.keyboard.type("STORY-1");
    await page.keyboard.press("Enter");
    const others = rows.filter({ hasText: "STORY-2" });
    await aimUntil(page, rows.nth(1), async () => (await others.count()) === 0);
    const found = await rows.allTextContents();
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((row) => !row.includes("STORY-1"))).toEqual([]);
    await page.fill("#search", "STORY-NONE");
    await page.keyboard.press("Enter");
    await here.getByText("No record fits.").waitFor();
    expect(await rows.count()).toBe(0);
  });

  test("new records wait under a pointer that aims, and come first when it rests", async () => {
    const page = await timed({}, "#/audit");
    const here = card(page, "#records-title");
    const rows = here.locator("tbody tr");
    await rows.nth(1).waitFor();
    await rows.nth(1).hover();
    const first = await rows.first().locator("td").first().textContent();
    await dispatch("STORY-5");
    // The log is read anew every five seconds.
    const told = here.getByRole("button", { name: /^\d new records?: show$/ });
    await aimUntil(page, rows.nth(1), async () => {
      await page.clock.fastForward(500);
      return told.isVisible();
    });
    expect(await rows.first().locator("td").first().textContent()).toBe(first);
    await page.clock.fastForward(4_500);
    await rows.filter({ hasText: "STORY-5" }).first().waitFor();
    const numbers = await rows.locator("td:first-child").allTextContents();
    expect(numbers.map(Number)).toEqual(numbers.map(Number).toSorted((a, b) => b - a));
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
