import { afterAll, beforeAll, expect, test } from "bun:test";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

browserSuite("a wait that was asked for, in a browser", (screen) => {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    podium.status = reply.text('{"stories":[{"storyId":"S-1","status":"todo"}]}');
    gateway = await gatewayServer(podium.url, { "limits.story_cooldown_s": "60" }).start();
  });
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await podium?.down();
  });

  test("is counted down for the eye, and told once to who listens", async () => {
    const page = await (await screen.context()).newPage();
    await page.clock.install();
    await page.goto(gateway.url);
    const row = page.locator(".story", { hasText: "S-1" });
    const run = row.getByRole("button", { name: /^Run S-1/ });
    await run.click();
    await row.locator(".command.accepted").waitFor();
    await page.clock.fastForward(2_000);
    await run.press("Enter");
    const note = row.getByRole("alert");
    const wait = note.locator("[aria-hidden=true]", { hasText: /^in \d+ s$/ });
    await wait.waitFor();
    const leftS = async (): Promise<number> => Number(/\d+/.exec((await wait.textContent()) ?? "")?.[0]);
    const heard = note.locator(".unseen", { hasText: /^at \d\d:\d\d:\d\d$/ });
    const [before, words] = [await leftS(), await heard.textContent()];
    await page.clock.fastForward(10_000);
    await page.waitForFunction((most) => {
      const [, seconds] = /in (\d+) s/.exec(document.querySelector(".story .note")?.textContent ?? "") ?? [];
      return seconds !== undefined && Number(seconds) <= most;
    }, before - 9);
    await page.clock.fastForward(60_000);
    await note.getByText("Press again now").waitFor();
    expect(await heard.textContent()).toBe(words);
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
