import type { Context } from "hono";
import { Hono } from "hono";
import type { HttpEnv } from "./app.ts";

export interface PanelAsset {
  readonly type: string;
  readonly text: string;
  /** The same, compressed (RFC 1952), in Base64. */
  readonly gzip: string;
  /** Strong validator, with its quotes. */
  readonly etag: string;
  /** The CSP source of the style inside it. */
  readonly styleHash?: string;
  /** The same page in a theme that was chosen. */
  readonly themes?: Readonly<Record<"light" | "dark", PanelAsset>>;
}

export interface PanelRouteDeps {
  /** The web panel's files by path; empty when it was not built. */
  readonly panel: Readonly<Record<string, PanelAsset>>;
}

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>roxy-core</title>
<h1>roxy-core is running</h1>
<p>Its web panel was not built. In the source folder, run <code>bun build.ts</code> and start roxy-core again.</p>
<p>Everything else works: <a href="/api">what there is</a>.</p></html>`;

/**
 * `GET /` and the files of the web panel. They hold no secret and come before authentication: the page itself is what
 * asks for the token.
 */
export function panelRoutes({ panel }: PanelRouteDeps): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  for (const [path, asset] of Object.entries(panel)) {
    const { system, light, dark } = ready(asset);
    app.get(path, (c) => {
      const chosen = /(?:^|;\s*)roxy_theme=(light|dark)(?:;|$)/.exec(c.req.header("cookie") ?? "")?.[1];
      return answer(c, chosen === "light" ? light : chosen === "dark" ? dark : system);
    });
  }
  if (panel["/"] === undefined) {
    app.get("/", (c) => c.html(notBuilt, 200, { "content-security-policy": "default-src 'none'" }));
  }
  return app;
}

interface Ready {
  readonly asset: PanelAsset;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

/** Unpacked once, when it is first asked for. What has no theme is the same in each. */
function ready(asset: PanelAsset): Record<"system" | "light" | "dark", Ready> {
  const unpacked = (one: PanelAsset): Ready => {
    let gzip: Uint8Array<ArrayBuffer> | undefined;
    return {
      asset: one,
      get gzip() {
        return (gzip ??= Uint8Array.fromBase64(one.gzip));
      },
    };
  };
  const system = unpacked(asset);
  if (!asset.themes) return { system, light: system, dark: system };
  return { system, light: unpacked(asset.themes.light), dark: unpacked(asset.themes.dark) };
}

/** `no-cache` with a strong validator: always the newest panel, mostly as a 304. */
function answer(c: Context<HttpEnv>, page: Ready): Response {
  const { type, text, etag, styleHash } = page.asset;
  const zipped = /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
  // Two encodings are two representations, and a strong validator tells them apart (RFC 9110 section 8.8.3.3).
  const zippedTag = etag.replace(/"$/, '-gzip"');
  const headers = {
    "content-type": type,
    etag: zipped ? zippedTag : etag,
    vary: "accept-encoding, cookie",
    "cache-control": "no-cache",
    "content-security-policy": policyFor(c.req.header("host") ?? "", styleHash),
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
  };
  if (namesTag(c.req.header("if-none-match"), etag, zippedTag)) return new Response(null, { status: 304, headers });
  if (!zipped) return new Response(text, { headers });
  return new Response(page.gzip, { headers: { ...headers, "content-encoding": "gzip" } });
}

/** If-None-Match compares weakly (RFC 9110 section 13.1.2); either encoding's tag means the same bytes inside. */
function namesTag(header: string | undefined, ...tags: string[]): boolean {
  if (header === undefined) return false;
  const given = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return given.some((tag) => tag === "*" || tags.includes(tag));
}

/**
 * No inline script, no style but the one that was built in, nothing from elsewhere. `'self'` covers WebSockets in today's browsers; older ones want the
 * address named, and the guard has found this Host to be ours.
 */
function policyFor(host: string, styleHash: string | undefined): string {
  const sockets = /^[\w.[\]:-]+$/.test(host) ? ` ws://${host} wss://${host}` : "";
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styleHash === undefined ? "'none'" : `'${styleHash}'`}`,
    `connect-src 'self'${sockets}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
