import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { BrowserContext, Page } from "playwright-core";
import { violations } from "./axe.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer, newFolder } from "./servers.ts";

const tokens = { mark: "panel-test-admin-0123456789", guest: "panel-test-viewer-0123456789" };
const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

browserSuite("signing in with a token, in a browser", (screen) => {
  let luno: Server;
  let gateway: Server;
  beforeAll(async () => {
    const file = `${newFolder()}/tokens`;
    const lines = [`mark admin sha256:${hashOf(tokens.mark)}`, `guest viewer sha256:${hashOf(tokens.guest)}`];
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

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
