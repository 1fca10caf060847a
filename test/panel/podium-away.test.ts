import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

browserSuite("a Podium that can't be asked", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  let page: Page;
  const story = (storyId: string, status: string) => ({ storyId, status, title: `Title ${storyId}` });
  const answer = (queue: string[]): string =>
    JSON.stringify({
      stories: [story("S-1", "in_progress"), story("S-2", "in_progress"), story("S-3", "queued")],
      queue,
      running: ["S-1", "S-2"],
      plans: [{ planId: "SKOREQ-1", status: "staged" }],
    });
  beforeAll(async () => {
    podium = await PodiumStub.start();
    podium.status = reply.text(answer(["S-3"]));
    gateway = await gatewayServer(podium.url).start();
    page = await screen.page(gateway.url);
    await state("Live");
    await watchWords();
  });
  afterAll(async () => {
    await gateway?.kill();
    await podium?.down();
  });

  const state = (words: string) => page.locator(".state b", { hasText: words }).waitFor();
  /** From now on, what would be said of a Podium that has nothing, and the fewest buttons there were. */
  const watchWords = () =>
    page.evaluate(() => {
      const seen = { untrue: [] as string[], buttons: Infinity, plans: Infinity };
      Object.assign(globalThis, { seen });
      const look = (): void => {
        const text = document.querySelector("main")?.textContent ?? "";
        seen.untrue.push(...(/Nothing waits|Nothing runs|names no stories/.exec(text) ?? []));
        seen.buttons = Math.min(seen.buttons, document.querySelectorAll(".story .command").length);
        seen.plans = Math.min(seen.plans, document.querySelectorAll(".plan").length);
      };
      look();
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
  const wordsSeen = () => page.evaluate(() => (globalThis as unknown as { seen: object }).seen);
  /** Three stories with a Run, and the three that are under way with a Cancel. */
  const asBefore = { untrue: [], buttons: 6, plans: 1 };
  /** The next one that the page is sent, whatever connection it comes on. */
  const snapshot = () =>
    new Promise<string>((resolve) => {
      page.on("websocket", (socket) => {
        socket.on("framereceived", ({ payload }) => {
          if (String(payload).includes('"SNAPSHOT"')) resolve(String(payload));
        });
      });
    });

  test("and a gateway that was started anew: what was known stands there, from when it was known", async () => {
    const heardAt = new Date().toISOString();
    podium.emit('{"type":"QUEUE_UPDATE","queue":["S-3","S-4"]}');
    await page.locator("[aria-labelledby=queue-title]", { hasText: "S-4" }).waitFor();
    await podium.down();
    await state("Podium lost");
    const told = snapshot();
    await gateway.kill();
    await state("Gateway lost");
    await gateway.start();
    expect(await told).toContain('"podium":null');
    await state("Podium lost");
    const asOf = await page.locator(".stale time").first().getAttribute("datetime");
    expect((asOf ?? "") >= heardAt).toBe(true);
    expect(await wordsSeen()).toEqual(asBefore);
    await podium.up();
    await state("Live, with a gap");
    expect(await wordsSeen()).toEqual(asBefore);
  });

  test("whose telemetry comes back while its status still fails: no word of an empty Podium either", async () => {
    podium.status = reply.text("{}", 500);
    const lost = page.locator(".state b", { hasText: /lost|degraded/ }).waitFor();
    for (const socket of podium.sockets) socket.drop();
    await lost;
    await state("Podium degraded");
    expect(await wordsSeen()).toEqual(asBefore);
    podium.status = reply.text(answer([]));
    // What it says when it can be asked is told at once.
    await page.getByText("Nothing waits.").waitFor();
    expect(screen.watched.complaints).toEqual([]);
  });
});
