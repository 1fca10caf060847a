import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { BrowserContext, Page } from "playwright-core";
import { PodiumStub, reply } from "../e2e/podium-stub.ts";
import { violations } from "./axe.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer, newFolder } from "./servers.ts";

const tokens = {
  mark: "panel-test-admin-0123456789",
  carl: "panel-test-other-0123456789",
  guest: "panel-test-viewer-0123456789",
};
const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

browserSuite("signing in with a token, in a browser", (screen) => {
  let luno: Server;
  let gateway: Server;
  let folder = "";
  beforeAll(async () => {
    folder = newFolder();
    const file = `${folder}/tokens`;
    const lines = Object.entries(tokens).map(
      ([name, token]) => `${name} ${name === "guest" ? "viewer" : "admin"} sha256:${hashOf(token)}`,
    );
    writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url, { "auth.token_file": file }).start();
  });
  afterEach(() => screen.closeContexts());
  afterAll(async () => {
    await gateway?.kill();
    await luno?.kill();
  });

  const state = (page: Page, words: string) => page.locator(".state b", { hasText: words }).waitFor();
  const signIn = async (page: Page, token: string): Promise<void> => {
    await state(page, "Token needed");
    await page.locator("#token:focus").fill(token);
    await page.keyboard.press("Enter");
  };
  /** Every request that carries a token, as method and path. */
  const tokenRequests = (context: BrowserContext): string[] => {
    const seen: string[] = [];
    context.on("request", (request) => {
      if (request.headers()["x-roxy-token"] !== undefined || request.headers()["authorization"] !== undefined) {
        seen.push(`${request.method()} ${new URL(request.url()).pathname}`);
      }
    });
    return seen;
  };

  test("the token is shown once, a wrong one is named as such, and the stream then runs as without tokens", async () => {
    const context = await screen.context();
    const seen = tokenRequests(context);
    const page = await context.newPage();
    await page.goto(gateway.url);
    await signIn(page, " not-the-right-one ");
    await page.getByRole("alert").waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await page.getByRole("alert").textContent()).toMatch(/does not know this token.*roxy-core token list/s);
    expect(await page.locator(".story").count()).toBe(0);
    await signIn(page, tokens.mark);
    await state(page, "Live");
    expect(seen).toEqual(["POST /api/session", "POST /api/session"]);
    await page.getByRole("button", { name: "Run STORY-001" }).click();
    await page.locator(".job", { hasText: "STORY-001" }).locator(".steps .good", { hasText: "Done" }).waitFor();
    expect(await page.locator(".job", { hasText: "STORY-001" }).textContent()).toContain("mark");
  });

  test("nothing of the page can read it back; a reload and a second tab need no token; signing out ends both", async () => {
    const context = await screen.context();
    const page = await context.newPage();
    await page.goto(gateway.url);
    await signIn(page, tokens.mark);
    await state(page, "Live");
    const kept = await page.evaluate(() =>
      [document.cookie, JSON.stringify([localStorage, sessionStorage]), document.documentElement.outerHTML].join("\n"),
    );
    expect(kept).not.toContain(tokens.mark);
    expect(kept).not.toContain("roxy_session");
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: "roxy_session", httpOnly: true, sameSite: "Strict" });
    await page.reload();
    await state(page, "Live");
    const second = await context.newPage();
    await second.goto(gateway.url);
    await state(second, "Live");
    await page.locator(".tools").getByRole("button", { name: "Sign out" }).click();
    await state(page, "Token needed");
    await state(second, "Token needed");
    expect(await second.locator(".story").count()).toBe(0);
  });

  test("a session that a restart has ended is begun again in the same page", async () => {
    const page = await screen.page(gateway.url);
    await signIn(page, tokens.mark);
    await state(page, "Live");
    await gateway.kill();
    await state(page, "Gateway lost");
    await gateway.start();
    await signIn(page, tokens.mark);
    await state(page, "Live");
  });

  test("who may only read sees everything, no button that dispatches, and why", async () => {
    const page = await screen.page(gateway.url);
    await signIn(page, tokens.guest);
    await state(page, "Live");
    await page.locator(".story").first().waitFor();
    expect(await page.getByRole("button", { name: /^(Run|Cancel|Prepare|Apply|Enqueue)/ }).count()).toBe(0);
    await page.getByText("may only read (role viewer)").waitFor();
    expect(await violations(page)).toEqual([]);
    const halt = page.locator("#halt");
    expect(await halt.getAttribute("aria-disabled")).toBe("true");
    const dispatches: string[] = [];
    page.on("request", (request) => request.method() === "POST" && dispatches.push(request.url()));
    await halt.click({ delay: 1_200, force: true });
    await halt.press("Enter");
    await halt.press("Enter");
    expect(dispatches).toEqual([]);
  });

  test("who may only read reads lists that are long with the keyboard, and of those that are empty that they are", async () => {
    const podium = await PodiumStub.start();
    const many = Array.from({ length: 60 }, (_, i) => ({ storyId: `S-${i}`, status: "queued" }));
    podium.status = reply.text(
      JSON.stringify({ stories: many, queue: many, agents: many.map(({ storyId: id }) => ({ id })) }),
    );
    const front = await gatewayServer(podium.url, { "auth.token_file": `${folder}/tokens` }).start();
    const page = await screen.page(front.url);
    await signIn(page, tokens.guest);
    await page.getByText("Podium names no plans.").waitFor();
    await page.locator(".agent").nth(20).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.close();
    await front.kill();
    await podium.down();
  });

  const who = (page: Page, name: string) => page.locator(".tools .signed-in", { hasText: name }).waitFor();

  test("the cookie is the browser's: where one tab signs in as somebody else, all of them are somebody else", async () => {
    const page = await screen.page(gateway.url);
    await signIn(page, tokens.mark);
    await who(page, "mark");
    const second = await page.context().newPage();
    await second.goto(gateway.url);
    for (const name of ["carl", "guest"] as const) {
      await second.locator(".tools").getByRole("button", { name: "Sign out" }).click();
      await state(page, "Token needed");
      await signIn(second, tokens[name]);
      await who(page, name);
    }
    expect(await page.locator("#halt").getAttribute("aria-disabled")).toBe("true");
  });

  test("so they are where no tab can tell the others: by the stream's end, and when somebody looks at them", async () => {
    const context = await screen.context();
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, "BroadcastChannel"));
    const page = await context.newPage();
    await page.goto(gateway.url);
    await signIn(page, tokens.mark);
    await who(page, "mark");
    const headers = { "x-roxy-token": tokens.carl, origin: gateway.url };
    await context.request.post(`${gateway.url}/api/session`, { headers });
    await who(page, "carl");
    await context.request.delete(`${gateway.url}/api/session`);
    await state(page, "Token needed");
    await context.request.post(`${gateway.url}/api/session`, { headers });
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await who(page, "carl");
  });

  test("a role that was changed meanwhile is told by the first refusal", async () => {
    const page = await screen.page(gateway.url);
    await signIn(page, tokens.mark);
    await state(page, "Live");
    await page.route("**/api/session", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...((await response.json()) as object), role: "viewer" } });
    });
    await page.route("**/dispatch", (route) =>
      route.fulfill({ status: 403, json: { code: "forbidden_role", title: "Only reads", retry: "never" } }),
    );
    await page.getByRole("button", { name: "Run STORY-002" }).click();
    await page.getByText("may only read (role viewer)").waitFor();
  });

  test("what can't be reached ends no session, and keeps the token that was typed", async () => {
    const page = await screen.page(gateway.url);
    await page.route("**/api/session", (route) =>
      route.request().method() === "GET" ? route.continue() : route.abort("connectionrefused"),
    );
    await signIn(page, tokens.mark);
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/can't be reached.*Press Sign in again/s);
    expect(await alert.textContent()).not.toContain("token list");
    expect(await page.inputValue("#token")).toBe(tokens.mark);
    await page.unroute("**/api/session");
    await page.keyboard.press("Enter");
    await who(page, "mark");
    await page.route("**/api/session", (route) => route.abort("connectionrefused"));
    await page.locator(".tools").getByRole("button", { name: "Sign out" }).click();
    await alert.filter({ hasText: "Still signed in." }).waitFor();
    await who(page, "mark");
    await page.unroute("**/api/session");
    await page.locator(".tools").getByRole("button", { name: "Sign out" }).click();
    await state(page, "Token needed");
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
