import { afterAll, beforeAll, expect, test } from "bun:test";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

browserSuite("a cancel in a browser", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    podium.status = reply.text('{"stories":[{"storyId":"S-1","status":"in_progress"}]}');
    gateway = await gatewayServer(podium.url).start();
  });
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await podium?.down();
  });

  test("that nobody knows the end of stands in the way of no later one: each press is about what runs now", async () => {
    const page = await screen.page(gateway.url);
    await page.locator(".state.good").waitFor();
    const row = page.locator(".story", { hasText: "S-1" });
    const cancel = row.getByRole("button", { name: "Cancel S-1" });
    podium.next((socket) => void socket.destroy());
    await cancel.press("Enter");
    const told = row.getByRole("alert").filter({ hasText: "It is not known whether it ran" });
    await told.waitFor();
    expect(await told.textContent()).toContain("Press again if it still waits or runs.");
    // It is started anew, by somebody else.
    const anew = await fetch(`${gateway.url}/api/orchestrator/dispatch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"action":"enqueue_story","payload":{"story_id":"S-1"}}',
    });
    expect(anew.status).toBe(200);
    await told.getByRole("button", { name: /put/i }).click();
    await cancel.press("Enter");
    const bodies = () => podium.commands.map(({ body }) => /CANCEL|ENQUEUE/.exec(body)?.[0]);
    await podium.until(() => (bodies().length > 2 ? true : undefined), "three commands at Podium");
    expect(bodies()).toEqual(["CANCEL", "ENQUEUE", "CANCEL"]);
  });
});
