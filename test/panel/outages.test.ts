import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { eventually } from "../e2e/watch.ts";
import { browserSuite, Screen } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

browserSuite("outages in a browser", (screen) => {
  let luno: Server;
  let gateway: Server;
  /** The same, of a Podium that hangs behind a gateway that doesn't. */
  let stuck: { luno: Server; gateway: Server; page: Page };
  /** Hangs while the other tests run: it takes seconds until a silence is one. */
  let hanging: { gateway: Server; page: Page };
  const apart = new Screen();
  beforeAll(async () => {
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
    const frozen = await gatewayServer(luno.url).start();
    hanging = { gateway: frozen, page: await apart.page(frozen.url) };
    await state(hanging.page, "Live");
    frozen.freeze();
    const lunoApart = await lunoServer().start();
    const before = await gatewayServer(lunoApart.url).start();
    stuck = { luno: lunoApart, gateway: before, page: await apart.page(`${before.url}/#/services`) };
    await state(stuck.page, "Live");
    await wordsKept(stuck.page);
    lunoApart.freeze();
  });
  afterEach(() => screen.closeContexts());
  afterAll(async () => {
    await apart.closeContexts();
    await hanging?.gateway.kill();
    await stuck?.gateway.kill();
    await stuck?.luno.kill();
    await gateway?.kill();
    await luno?.kill();
  });

  /** Every word that stands in the bar from now on. */
  const wordsKept = (page: Page) =>
    page.evaluate(() => {
      const bar = document.querySelector(".state")!;
      const words: string[] = [];
      Object.assign(globalThis, { barWords: words });
      const note = (): void => void words.push(bar.querySelector("b")?.textContent ?? "");
      new MutationObserver(note).observe(bar, { subtree: true, childList: true, characterData: true });
    });
  const wordsSeen = (page: Page) => page.evaluate(() => (globalThis as unknown as { barWords: string[] }).barWords);
  const state = (page: Page, words: string) => page.locator(".state b", { hasText: words }).waitFor();
  const live = async (): Promise<Page> => {
    const page = await screen.page(gateway.url);
    await state(page, "Live");
    return page;
  };

  test("Podium killed: said at once, a dispatch says that nothing ran; restarted: a gap is named and work goes on", async () => {
    const page = await live();
    await luno.kill();
    // Half of what the next look at the port map would take: only the stream tells sooner.
    await page.locator(".state b", { hasText: "Podium lost" }).waitFor({ timeout: 5_000 });
    await page.getByRole("button", { name: "Run STORY-001" }).click();
    const note = page.locator(".story", { hasText: "STORY-001" }).getByRole("alert");
    expect(await note.textContent()).toMatch(/Podium can't be reached.*Nothing was executed.*Start Podium/s);
    await luno.start();
    await state(page, "Live, with a gap");
    await page.getByRole("button", { name: "Seen" }).click();
    await state(page, "Live");
    await page.getByRole("button", { name: "Run STORY-001" }).click();
    await page.locator(".job", { hasText: "STORY-001" }).first().locator(".good", { hasText: "Done" }).waitFor();
  });

  test("the gateway killed: what is shown is marked as old; restarted: the page finds it by itself", async () => {
    const page = await live();
    await gateway.kill();
    await state(page, "Gateway lost");
    expect(await page.locator(".story").count()).toBeGreaterThan(0);
    await page.locator(".stale").first().waitFor();
    await page.getByRole("button", { name: "Run STORY-002" }).click();
    const note = page.locator(".story", { hasText: "STORY-002" }).getByRole("alert");
    expect(await note.textContent()).toMatch(/not known whether it ran.*same key/s);
    await gateway.start();
    await page.locator(".state", { hasText: /Live/ }).waitFor();
    await page.getByRole("button", { name: "Run STORY-002" }).click();
    await page.locator(".job", { hasText: "STORY-002" }).first().locator(".good", { hasText: "Done" }).waitFor();
    expect(await page.locator(".job", { hasText: "STORY-002" }).count()).toBe(1);
  });

  test("a press whose answer is lost keeps its key over a reload: pressed again it does not run again", async () => {
    const page = await live();
    await page.route("**/dispatch", async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    });
    const keys: (string | undefined)[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/dispatch")) keys.push(request.headers()["idempotency-key"]);
    });
    await page.getByRole("button", { name: "Run LUNO-026-STORY-033" }).click();
    await page.locator(".story", { hasText: "LUNO-026-STORY-033" }).getByRole("alert").waitFor();
    await page.unroute("**/dispatch");
    await page.reload();
    await state(page, "Live");
    await page.fill("#story-id", "LUNO-026-STORY-033");
    await page.keyboard.press("Enter");
    await page.locator(".answer", { hasText: "had come through, nothing more was started" }).waitFor();
    expect(keys[0]).toBe(keys[1]);
    expect(await page.locator(".job", { hasText: "LUNO-026-STORY-033" }).count()).toBe(1);
  });

  test("a gateway that comes back as another version says that this page is of the one before", async () => {
    const page = await live();
    const isSaid = page.getByRole("button", { name: "Another version: reload" });
    expect(await isSaid.count()).toBe(0);
    await page.route("**/orchestrator/status", async (route) => {
      const response = await route.fetch();
      const { gateway: told, ...rest } = (await response.json()) as { gateway: object };
      await route.fulfill({ response, json: { ...rest, gateway: { ...told, version: "999.0.0" } } });
    });
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await isSaid.waitFor();
    await page.unroute("**/orchestrator/status");
    await isSaid.click();
    await state(page, "Live");
    await isSaid.waitFor({ state: "detached" });
  });

  test("offline it says that the gateway is lost, and comes back with the network", async () => {
    const page = await live();
    await page.context().setOffline(true);
    await state(page, "Gateway lost");
    await page.context().setOffline(false);
    await page.locator(".state", { hasText: /Live/ }).waitFor();
  });

  test("a stream whose connection died without a word is noticed, and made anew", async () => {
    const context = await screen.context();
    const page = await context.newPage();
    const streams: (() => void)[] = [];
    await page.routeWebSocket(/stream/, (socket) => {
      const server = socket.connectToServer();
      if (socket.url().includes("types=")) return;
      let isDead = false;
      streams.push(() => (isDead = true));
      server.onMessage((message) => {
        if (!isDead) socket.send(message);
      });
    });
    await page.goto(gateway.url);
    await state(page, "Live");
    for (const die of streams) die();
    const connections = streams.length;
    const body = JSON.stringify({ action: "enqueue_story", payload: { story_id: "STORY-005" } });
    const headers = { "content-type": "application/json" };
    await fetch(`${gateway.url}/api/orchestrator/dispatch`, { method: "POST", headers, body });
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await eventually(() => (streams.length > connections ? true : undefined), "another connection");
    await page.locator(".state", { hasText: /Live/ }).waitFor();
  });

  test("a log that learns late how a story ended takes nothing back, and is asked again until it knows", async () => {
    const page = await live();
    let late = 0;
    const asked = Array.from({ length: 2 }, () => Promise.withResolvers<void>());
    await page.route("**/jobs?*", async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { jobs: { story_id?: string }[] };
      const early = { podium_status: undefined, podium_at: undefined, podium_started_at: undefined };
      const jobs = body.jobs.map((job) => (job.story_id === "STORY-004" ? { ...job, ...early } : job));
      await route.fulfill({ json: { ...body, jobs } });
      asked[late++]?.resolve();
    });
    await page.getByRole("button", { name: "Run STORY-004" }).click();
    const failed = page.locator(".job", { hasText: "STORY-004" }).first().locator(".bad", { hasText: "Failed" });
    await failed.waitFor();
    late = 0;
    // One read could be chance: the next one after it would come only after ten seconds.
    for (const { promise } of asked) await promise;
    expect(await failed.count()).toBe(1);
  });

  test("without the stream everything is read anew instead, and it says so", async () => {
    const context = await screen.context();
    const page = await context.newPage();
    await page.routeWebSocket(/stream/, (socket) => void socket.close());
    await page.goto(gateway.url);
    await state(page, "No stream");
    await page.getByRole("button", { name: "Run STORY-004" }).click();
    await page.locator(".job", { hasText: "STORY-004" }).first().locator(".bad", { hasText: "Failed" }).waitFor();
  });

  test("a gateway that hangs with its connections open is not called live", async () => {
    await state(hanging.page, "Gateway silent");
    hanging.gateway.thaw();
    await hanging.page.locator(".state", { hasText: /Live/ }).waitFor();
    expect(apart.watched.complaints).toEqual([]);
  });

  test("a Podium that hangs with its connections open is not called live, nor said to answer", async () => {
    await state(stuck.page, "Podium silent");
    await stuck.page
      .locator(".services tr", { hasText: /luno|podium/i })
      .getByText("down")
      .first()
      .waitFor();
    // Past the patience of one read of its status, whose answer from before must not be taken for now.
    await stuck.page.locator(".state", { hasText: "has not told its status for 12 s" }).waitFor({ timeout: 40_000 });
    expect((await wordsSeen(stuck.page)).filter((word) => word === "Telemetry lost")).toEqual([]);
    stuck.luno.thaw();
    await stuck.page.locator(".state", { hasText: /Live/ }).waitFor({ timeout: 30_000 });
    expect(apart.watched.complaints).toEqual([]);
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
