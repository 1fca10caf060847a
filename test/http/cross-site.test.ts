import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright-core";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import { browserSuite } from "../panel/browser.ts";

/** What a page of a stranger can try, in a real browser with its real same-origin policy. */
browserSuite("pages of other sites", (screen) => {
  const root = mkdtempSync(path.join(tmpdir(), "roxy-cross-site-"));
  let podium: PodiumStub;
  let gateway: Gateway;
  let pages: ReturnType<typeof Bun.serve>;
  let page: Page;
  // Browsers take every name under localhost for this machine: another site, and no DNS.
  const site = (name: string): string => `http://${name}.localhost:${pages.port}`;

  beforeAll(async () => {
    podium = await PodiumStub.start();
    pages = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("<!doctype html><title>page</title>", { headers: { "content-type": "text/html" } }),
    });
    const settings = { "listen.allowed_origins": JSON.stringify([site("friend")]) };
    gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, root, settings });
  });
  afterAll(async () => {
    await gateway?.kill();
    await podium?.down();
    await pages?.stop(true);
    rmSync(root, { recursive: true, force: true });
  });

  const visit = async (name: string): Promise<void> => {
    page = await screen.page(site(name));
  };
  const halt = '{"action":"halt"}';
  const dispatchUrl = (): string => `${gateway.baseUrl}/api/orchestrator/dispatch`;
  const commands = (): number => podium.commands.length;
  const send = (type: string, mode: "cors" | "no-cors"): Promise<string> =>
    page.evaluate(
      async ([url, body, contentType, how]) => {
        const init = { method: "POST", body, mode: how as RequestMode, headers: { "content-type": contentType } };
        return fetch(url, init as RequestInit).then(
          async (answer) => `${answer.type} ${answer.status} ${await answer.text()}`,
          () => "blocked",
        );
      },
      [dispatchUrl(), halt, type, mode] as const,
    );

  test("a stranger's page can't dispatch by fetch, with or without asking first", async () => {
    await visit("evil");
    expect(await send("application/json", "cors")).toBe("blocked");
    expect(await send("text/plain", "cors")).toBe("blocked");
    // Sent, refused by its Origin, and by Cross-Origin-Resource-Policy not even handed out as an opaque answer.
    expect(await send("text/plain", "no-cors")).toBe("blocked");
    expect(commands()).toBe(0);
  });

  test("nor by a form", async () => {
    await visit("evil");
    const answered = page.waitForResponse(dispatchUrl());
    await page.evaluate(
      ([url]) => {
        const form = document.createElement("form");
        Object.assign(form, { method: "POST", action: url, enctype: "text/plain" });
        const input = document.createElement("input");
        Object.assign(input, { name: '{"action":"halt","source":"', value: '"}' });
        form.append(input);
        document.body.append(form);
        form.submit();
      },
      [dispatchUrl()] as const,
    );
    expect((await answered).status()).toBe(403);
    expect(commands()).toBe(0);
  });

  test("nor listen to the stream, nor read anything", async () => {
    await visit("evil");
    const heard = await page.evaluate(
      async ([url]) => {
        const socket = new Promise((resolve) => {
          const one = new WebSocket(`${url.replace("http", "ws")}/api/orchestrator/stream`);
          one.addEventListener("open", () => resolve("open"));
          one.addEventListener("error", () => resolve("refused"));
        });
        const events = new Promise((resolve) => {
          const one = new EventSource(`${url}/api/orchestrator/events`);
          one.addEventListener("message", () => resolve("heard"));
          one.addEventListener("error", () => resolve("refused"));
        });
        const read = (at: string): Promise<string> =>
          fetch(url + at).then(
            (answer) => answer.text(),
            () => "blocked",
          );
        return Promise.all([socket, events, read("/api/orchestrator/jobs"), read("/health"), read("/metrics")]);
      },
      [gateway.baseUrl] as const,
    );
    expect(heard).toEqual(["refused", "refused", "blocked", "blocked", "blocked"]);
  });

  test("a name that now means this machine (DNS rebinding) is not served at all", async () => {
    await visit("evil");
    const rebound = `http://rebound.localhost:${gateway.port}`;
    const shown = await page.goto(`${rebound}/`);
    expect(shown!.status()).toBe(403);
    const answer = await page.evaluate(
      ([body]) =>
        fetch("/api/orchestrator/dispatch", {
          method: "POST",
          body,
          headers: { "content-type": "application/json" },
        }).then(
          (one) => one.status,
          () => "blocked",
        ),
      [halt] as const,
    );
    // The refusal's own policy (CSP) keeps what runs on it from asking anything.
    expect(answer).toBe("blocked");
    expect(commands()).toBe(0);
  });

  test("an allowed origin's page dispatches, reads the answer and listens", async () => {
    await visit("friend");
    expect(await send("application/json", "cors")).toStartWith("cors 200 {");
    expect(commands()).toBe(1);
    const opened = await page.evaluate(
      ([url]) =>
        new Promise((resolve) => {
          const one = new WebSocket(`${url.replace("http", "ws")}/api/orchestrator/stream`);
          one.addEventListener("open", () => resolve("open"));
          one.addEventListener("error", () => resolve("refused"));
        }),
      [gateway.baseUrl] as const,
    );
    expect(opened).toBe("open");
  });
});
