import { afterEach, beforeEach, expect, test } from "bun:test";
import { call } from "../e2e/http-client.ts";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { dispatchCall } from "../e2e/scene.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

/** Podium's health is remembered for ten seconds: each test has a gateway of its own, that has never asked before. */
browserSuite("a Podium that is not well, in a browser", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeEach(async () => {
    podium = await PodiumStub.start();
    gateway = await gatewayServer(podium.url).start();
  });
  afterEach(async () => {
    await screen.closeContexts();
    await gateway.kill();
    await podium.down();
  });

  test("halted it says so above a health check that is not well because of it, with when and by whom, over a reload too", async () => {
    podium.otherwise = (socket, seen) => {
      const orchestrator = { state: "halted", haltedSince: new Date().toISOString(), haltedBy: "anonymous" };
      const told = JSON.stringify({ orchestrator, stories: [] });
      podium.status = (at, asked) => reply.text(told, asked.path.includes("health") ? 503 : 200)(at, asked);
      return reply.text('{"success":true}')(socket, seen);
    };
    expect((await call(gateway.url, dispatchCall({ action: "halt", source: "web-panel" }))).status).toBe(200);
    const page = await screen.page(gateway.url);
    const isUnwell = () =>
      page.waitForResponse(
        async (answer) => answer.url().endsWith("/services") && (await answer.text()).includes("degraded"),
      );
    for (let look = 0; look < 2; look++) {
      await Promise.all([isUnwell(), page.reload()]);
      await page.locator(".state.warn", { hasText: /Halted.*since \d\d:\d\d:\d\d by web-panel/ }).waitFor();
      expect(await page.locator(".state").textContent()).not.toContain("not well");
    }
  });

  test("one that answers and is not well is called degraded, with its words, until it is well", async () => {
    podium.status = reply.text('{"success":false,"status":"degraded","error":"no database"}', 503);
    const page = await screen.page(gateway.url);
    await page.locator(".state.warn", { hasText: /Podium degraded.*no database/ }).waitFor();
    await page.getByText("Podium can't be asked, so this is not known.").first().waitFor();
    podium.status = reply.text('{"stories":[]}');
    // What it remembers of Podium's health goes with it, and the page finds it again, with a gap.
    await gateway.kill();
    await gateway.start();
    await page.locator(".state b", { hasText: /^Live/ }).waitFor();
  });
});
