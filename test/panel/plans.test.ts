import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

browserSuite("plans in a browser", (screen) => {
  let luno: Server;
  let gateway: Server;
  let page: Page;
  beforeAll(async () => {
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
    page = await live();
  });
  afterAll(async () => {
    await gateway?.kill();
    await luno?.kill();
  });

  const live = async (): Promise<Page> => {
    const opened = await screen.page(gateway.url);
    await opened.locator(".state.good").waitFor();
    return opened;
  };
  const planIntents = async (plan: string): Promise<string[]> => {
    const answer = await fetch(`${gateway.url}/api/orchestrator/audit?event=intent&plan=${plan}`);
    const { records } = (await answer.json()) as { records: { action: string }[] };
    return records.map(({ action }) => action).toReversed();
  };
  const planOf = (at: Page, id: string) => at.locator(".plan", { hasText: id });
  const stagedAt = (at: Page, id: string) => at.getByRole("group", { name: `Staged: ${id}` });

  test("a plan goes its two steps, in whatever tab each is taken, and every tab says how far it is", async () => {
    const plan = planOf(page, "SKOREQ-XXX");
    // By its own name: there are as many of these buttons as there are plans.
    await page.getByRole("button", { name: "Prepare SKOREQ-XXX", exact: true }).click();
    const staged = stagedAt(page, "SKOREQ-XXX");
    await staged.getByText("Nothing has changed yet. 4 stories would be added:").waitFor();
    const nonce = await staged.getByLabel("Nonce").inputValue();
    expect(nonce).toMatch(/^[0-9a-f]{32}$/);
    await page.reload();
    await staged.waitFor();
    expect(await staged.getByLabel("Nonce").inputValue()).toBe(nonce);
    expect(await staged.locator(".staged-stories li").count()).toBe(4);
    const other = await live();
    await stagedAt(other, "SKOREQ-XXX").getByRole("button", { name: "Apply 4 stories of SKOREQ-XXX" }).dblclick();
    await planOf(other, "SKOREQ-XXX").getByText("in the catalogue, to be enqueued").waitFor();
    // The tab that was not asked offers what comes next, and no longer what was done elsewhere.
    await plan.getByRole("button", { name: "Enqueue" }).waitFor();
    expect(await staged.count()).toBe(0);
    await plan.getByText("in the catalogue, to be enqueued").waitFor();
    await page.getByRole("button", { name: "Enqueue SKOREQ-XXX", exact: true }).click();
    for (const at of [page, other]) {
      const there = planOf(at, "SKOREQ-XXX");
      await there.locator(".status", { hasText: "done" }).waitFor();
      await there.getByText(/Enqueued|catalogue/).waitFor({ state: "detached" });
      expect(await there.getByRole("button").allTextContents()).toEqual(["Prepare again"]);
    }
    expect(await planIntents("SKOREQ-XXX")).toEqual(["prepare_apply", "apply_plan", "enqueue_plan"]);
    await other.close();
  });

  test("a wrong nonce is refused in its place", async () => {
    const plan = page.locator(".plan", { hasText: "SKOREQ-NIGHTLY" });
    await plan.getByRole("button", { name: "Prepare" }).click();
    await plan.getByLabel("Nonce").fill("not-the-nonce");
    await page.keyboard.press("Enter");
    expect(await plan.getByRole("alert").textContent()).toMatch(/nonce is not known.*Nothing was executed/s);
  });

  test("an apply whose answer is lost: what is staged is not called unchanged, and its next step is offered", async () => {
    const plan = planOf(page, "SKOREQ-NIGHTLY");
    await plan.getByRole("button", { name: "Prepare again" }).click();
    const staged = stagedAt(page, "SKOREQ-NIGHTLY");
    // What was typed for the nonce before is gone with it.
    await page.waitForFunction(() =>
      /^[0-9a-f]{32}$/.test(document.querySelector<HTMLInputElement>("[id=nonce-SKOREQ-NIGHTLY]")?.value ?? ""),
    );
    await plan.getByRole("alert").getByRole("button", { name: /put/i }).click();
    const listed = Promise.withResolvers<void>();
    // The log of jobs and Podium's status are read only when the words in between have been seen.
    await page.route(/jobs\?|orchestrator\/status/, async (route) => {
      await listed.promise;
      await route.continue();
    });
    await page.route("**/dispatch", async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    });
    await plan.getByRole("button", { name: /^Apply/ }).click();
    await staged.getByText("Whether it was applied meanwhile is not known.").waitFor();
    expect(await plan.textContent()).not.toContain("Nothing has changed yet");
    await page.unroute("**/dispatch");
    listed.resolve();
    await plan.getByRole("button", { name: "Enqueue" }).waitFor();
    expect(await staged.count()).toBe(0);
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
