import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { panelRoutes } from "../../src/http/panel.ts";
import { loadPanel } from "../../src/panel/assets.ts";
import type { PanelFiles } from "../../src/panel/assets.ts";
import { repository } from "../e2e/launcher.ts";

/** A panel that is looked at all day may cost a moment once; more than this and somebody has added a framework. */
const gzipBytesMax = 120_000;
const built = `${repository}/dist/panel.json`;
const files = existsSync(built) ? (JSON.parse(readFileSync(built, "utf8")) as PanelFiles) : undefined;

describe("the panel's bundle", () => {
  test("is there (made by `bun build.ts panel`) and under 120 KB when compressed", () => {
    const bytes = Object.values(files ?? {}).map(({ gzip }) => Buffer.from(gzip, "base64").length);
    expect(bytes.length).toBeGreaterThan(2);
    expect(bytes.reduce((a, b) => a + b, 0)).toBeLessThan(gzipBytesMax);
  });

  test("names no other place on the network, and holds no inline script or style", () => {
    for (const [path, { text, gzip }] of Object.entries(files ?? {})) {
      expect(gunzipSync(Buffer.from(gzip, "base64")).toString()).toBe(text);
      const places = [...text.matchAll(/\b(?:https?|wss?):\/\/[\w.-]+/g)].map(([place]) => place);
      expect(places.filter((place) => !place.startsWith("http://www.w3.org"))).toEqual([]);
      if (path === "/") expect(text).not.toMatch(/\sstyle=|<script>|<script [^>]*>[^<]|\son\w+=/);
    }
  });

  test("its one style is named in the policy by its hash, in every theme", () => {
    const { themes, ...page } = files!["/"]!;
    for (const { text, styleHash } of [page, themes!.light, themes!.dark]) {
      const [style, ...more] = [...text.matchAll(/<style>(.*?)<\/style>/gs)].map(([, inside]) => inside!);
      expect(more).toEqual([]);
      expect(styleHash).toBe(`sha256-${createHash("sha256").update(style!).digest("base64")}`);
    }
  });
});

describe("panelRoutes", () => {
  const app = panelRoutes({ panel: files ?? {} });
  const get = (path: string, headers: Record<string, string> = {}): Response | Promise<Response> =>
    app.request(path, { headers: { host: "127.0.0.1:8000", ...headers } });

  test("serves the page under a policy without inline code or strangers", async () => {
    const answer = await get("/");
    expect(answer.headers.get("content-type")).toBe("text/html;charset=utf-8");
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self' ws://127.0.0.1:8000 ");
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  test("sends the page in the theme that was chosen, each with a tag of its own", async () => {
    const tags = new Set<string>();
    for (const [cookie, start] of [
      ["", '<html lang="en">'],
      ["a=1; roxy_theme=dark", '<html data-theme="dark" lang="en">'],
      ["roxy_theme=light; b=2", '<html data-theme="light" lang="en">'],
      ["roxy_theme=dark><script>", '<html lang="en">'],
    ]) {
      const answer = await get("/", { cookie: cookie! });
      expect(await answer.text()).toContain(start!);
      expect(answer.headers.get("vary")).toContain("cookie");
      tags.add(answer.headers.get("etag")!);
    }
    expect(tags.size).toBe(3);
  });

  test("puts nothing into the policy that is no host", async () => {
    const answer = await get("/", { host: "127.0.0.1; script-src *" });
    expect(answer.headers.get("content-security-policy")).not.toContain("*");
  });

  test("answers a known tag with 304, for either encoding", async () => {
    const plain = await get("/panel/panel.js");
    const zipped = await get("/panel/panel.js", { "accept-encoding": "br, gzip" });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect(zipped.headers.get("etag")).not.toBe(plain.headers.get("etag"));
    for (const answer of [plain, zipped]) {
      const again = await get("/panel/panel.js", { "if-none-match": answer.headers.get("etag")! });
      expect(again.status).toBe(304);
    }
    expect((await get("/panel/panel.js", { "if-none-match": '"other"' })).status).toBe(200);
  });

  test("says how to build the panel when nobody has", async () => {
    const answer = await panelRoutes({ panel: {} }).request("/");
    expect(await answer.text()).toContain("bun build.ts");
  });
});

describe("loadPanel", () => {
  test("takes half a file for none", () => {
    const half = { stat: () => ({}) as never, readAll: () => new TextEncoder().encode('{"/":') };
    expect(loadPanel(half)).toEqual({});
    expect(loadPanel({ stat: () => undefined, readAll: half.readAll })).toEqual({});
  });
});
