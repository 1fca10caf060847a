import { Hono } from "hono";
import { version } from "../lib/version.ts";
import { openApiDocument } from "../wire/openapi.ts";
import type { HttpEnv } from "./app.ts";
import type { Html } from "./docs.ts";
import { docsPage, docsStyle } from "./docs.ts";
import { jsonResponse } from "./json-response.ts";

/**
 * `/openapi.json` and the same for people at `/docs`: one page without scripts, which needs nothing from elsewhere.
 * They hold no secret and come before authentication.
 */
export function openApiRoutes(): Hono<HttpEnv> {
  // Made when first asked for: a gateway that nobody asks starts without it.
  let json: string | undefined;
  let page: Html | undefined;
  return new Hono<HttpEnv>()
    .get("/openapi.json", () => jsonResponse((json ??= JSON.stringify(openApiDocument(version)))))
    .get("/docs", (c) => {
      page ??= docsPage(openApiDocument(version));
      return c.html(page, 200, { "content-security-policy": pagePolicy });
    })
    .get("/docs/style.css", (c) => c.body(docsStyle, 200, { "content-type": "text/css; charset=utf-8" }));
}

const pagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
