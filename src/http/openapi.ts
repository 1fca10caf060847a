import { Hono } from "hono";
import { version } from "../lib/version.ts";
import type { HttpEnv } from "./app.ts";
import type { Html } from "./docs.ts";
import { jsonResponse } from "./json-response.ts";

/**
 * `/openapi.json` and the same for people at `/docs`: one page without scripts, which needs nothing from elsewhere.
 * They hold no secret and come before authentication. Loaded and made when first asked for: a gateway that nobody asks
 * starts without them.
 */
export function openApiRoutes(): Hono<HttpEnv> {
  let json: Promise<string> | undefined;
  let page: Promise<Html> | undefined;
  return new Hono<HttpEnv>()
    .get("/openapi.json", async () => jsonResponse(await (json ??= contract().then((it) => JSON.stringify(it)))))
    .get("/docs", async (c) => {
      page ??= Promise.all([contract(), import("./docs.ts")]).then(([it, { docsPage }]) => docsPage(it));
      return c.html(await page, 200, { "content-security-policy": pagePolicy });
    })
    .get("/docs/style.css", async (c) => {
      const { docsStyle } = await import("./docs.ts");
      return c.body(docsStyle, 200, { "content-type": "text/css; charset=utf-8" });
    });
}

async function contract(): Promise<Readonly<Record<string, unknown>>> {
  const { openApiDocument } = await import("../wire/openapi.ts");
  return openApiDocument(version);
}

const pagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
