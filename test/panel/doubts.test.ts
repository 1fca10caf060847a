import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page, Route } from "playwright-core";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

browserSuite("presses that nobody knows the end of", (screen) => {
  let luno: Server;
  let gateway: Server;
  let page: Page;
  /** What becomes of a dispatch on its way to the gateway, by a word in its body; everything else goes through. */
  const fates = new Map<string, (route: Route) => Promise<void>>();
  const keys: (string | undefined)[] = [];
  /** The page can't look into the log: doubts stay doubts. */
  let isBlind = true;
  beforeAll(async () => {
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
    page = await screen.page(gateway.url);
    await page.route("**/dispatch", (route) => {
      const request = route.request();
      keys.push(request.headers()["idempotency-key"]);
      const fate = [...fates].find(([word]) => request.postData()?.includes(word))?.[1];
      return fate ? fate(route) : route.continue();
    });
    await page.route("**/audit/AUD-*", (route) => (isBlind ? route.abort() : route.continue()));
    await live();
  });
  afterAll(async () => {
    await gateway?.kill();
    await luno?.kill();
  });

  const live = () => page.locator(".state", { hasText: /Live|Halted/ }).waitFor();
  const row = (id: string) => page.locator(".story", { hasText: id });
  const note = (id: string) => row(id).getByRole("alert");
  /** Right after an answer a press is the tail of the one before, unless that answer has been put away. */
  const press = async (id: string): Promise<void> => {
    const away = note(id).getByRole("button", { name: /put/i });
    if (await away.isVisible()) await away.click();
    await row(id)
      .getByRole("button", { name: `Run ${id}` })
      .click();
  };
  /** It runs, and its answer never arrives. */
  const loseAnswer = async (id: string): Promise<void> => {
    fates.set(id, async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    });
    await press(id);
    await note(id).filter({ hasText: "It is not known whether it ran" }).waitFor();
    fates.delete(id);
  };
  const halt = async (): Promise<void> => {
    await page.focus("#halt");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
  };
  const refusal = (status: number, code: string, retry: string) => (route: Route) =>
    route.fulfill({
      status,
      contentType: "application/problem+json",
      json: { code, title: code, detail: "No", retry },
    });
  const answeredJustNow = async (route: Route): Promise<void> => {
    const response = await route.fetch();
    const { jobs, ...rest } = (await response.json()) as { jobs: object[] };
    const answered_at = new Date().toISOString();
    await route.fulfill({ response, json: { ...rest, jobs: jobs.map((job) => ({ ...job, answered_at })) } });
  };
  const runs = async (id: string): Promise<number | undefined> => {
    const answer = await fetch(`${gateway.url}/api/orchestrator/status`);
    const { podium } = (await answer.json()) as { podium: { stories: { storyId: string; runs: number }[] } };
    return podium.stories.find(({ storyId }) => storyId === id)?.runs;
  };

  test("a refusal from before its key was looked up says nothing about the press before, and keeps its key", async () => {
    keys.length = 0;
    await loseAnswer("STORY-004");
    await page.reload();
    await live();
    const left = note("STORY-004").filter({ hasText: "It was sent before this page was loaded" });
    expect(await left.textContent()).toMatch(/not known whether it ran.*same key is kept/s);
    const refusals = [
      ["shutting_down", refusal(503, "shutting_down", "safe")],
      ["forbidden_host", refusal(403, "forbidden_host", "never")],
    ] as const;
    for (const [code, refuse] of refusals) {
      fates.set("STORY-004", refuse);
      await press("STORY-004");
      const told = note("STORY-004").filter({ hasText: code });
      await told.waitFor();
      expect(await told.textContent()).toMatch(/press before it may have run.*same key is kept/s);
      expect(await told.textContent()).not.toContain("Nothing was executed");
    }
    fates.delete("STORY-004");
    await press("STORY-004");

    await row("STORY-004")
      .getByText(/had come through, nothing more was started/)
      .waitFor();
    expect(new Set(keys).size).toBe(1);
    expect(await runs("STORY-004")).toBe(1);
  });

  test("when the log knows, the words say so, over a reload too: it had run, and a press that was meant for the doubt starts no second run", async () => {
    keys.length = 0;
    await loseAnswer("STORY-001");
    await page.reload();
    await live();
    await note("STORY-001").filter({ hasText: "An earlier press is in doubt" }).waitFor();
    // However fresh: what the log tells is no answer to a press, and swallows none.
    await page.route(/\/jobs\b/, answeredJustNow);
    isBlind = false;
    await note("STORY-001").waitFor({ state: "detached" });
    // A click would be held back for as long as the button says that it takes none.
    await row("STORY-001").getByRole("button", { name: "Run STORY-001" }).press("Enter");
    await row("STORY-001")
      .getByText(/had come through, nothing more was started/)
      .waitFor();
    expect(new Set(keys).size).toBe(1);
    expect(await runs("STORY-001")).toBe(1);
  });

  test("a press that a halt let go while it waited in the page says nothing about the press before either", async () => {
    keys.length = 0;
    isBlind = true;
    // The halt itself stays in the page's hands: the orchestrator runs on.
    fates.set('"halt"', refusal(503, "shutting_down", "safe"));
    await loseAnswer("STORY-005");
    const ids = ["STORY-002", "STORY-003"];
    for (const id of ids) fates.set(id, () => Promise.resolve());
    for (const id of ids) await press(id);
    await press("STORY-005");
    await page.getByRole("button", { name: "Run STORY-005: Sending" }).waitFor();
    await halt();
    const told = note("STORY-005").filter({ hasText: "Not sent" });
    await told.waitFor();
    expect(await told.textContent()).toMatch(/press before it may have run.*Press again: the same key is kept/s);
    expect(await told.textContent()).not.toContain("Nothing was executed");
    for (const word of [...ids, '"halt"']) fates.delete(word);
    await press("STORY-005");
    await row("STORY-005")
      .getByText(/had come through, nothing more was started/)
      .waitFor();
    const [first, , , , last] = keys;
    expect(last).toBe(first);
    expect(keys.length).toBe(5);
    expect(await runs("STORY-005")).toBe(1);
  });

  test("when the log knows, the words say so: a halt had let it go before it was sent, and nothing was executed", async () => {
    isBlind = true;
    luno.freeze();
    for (const id of ["STORY-002", "STORY-003"]) await press(id);
    // Both are at the gateway, which forwards one at a time.
    await page.locator(".job", { hasText: "STORY-003" }).waitFor();
    await halt();
    await note("STORY-003").filter({ hasText: "It is not known whether it ran" }).waitFor();
    luno.thaw();
    isBlind = false;
    const told = note("STORY-003").filter({ hasText: "Not sent" });
    await told.waitFor();
    expect(await told.textContent()).toMatch(/Nothing was executed.*JOB-/s);
    expect(await told.textContent()).not.toContain("not known");
    expect(await page.locator(".job", { hasText: "STORY-003" }).textContent()).toContain("Not sent");
    isBlind = true;
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
