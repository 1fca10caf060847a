import type { MiddlewareHandler } from "hono";
import { Problem } from "../lib/errors.ts";
import type { HttpEnv } from "./app.ts";

export interface GuardOptions {
  /** The address that we listen on. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Keeps web pages of strangers out of a service without login. The Host must be one of ours (a rebound DNS name is not),
 * and a browser's Origin must be our own page or an allowed one whenever the request changes something or opens a
 * WebSocket, which no same-origin policy protects (RFC 6455 section 10.2). Nor is anything embedded by another site.
 */
export function guard({ host, allowedHosts, allowedOrigins }: GuardOptions): MiddlewareHandler<HttpEnv> {
  const hosts = new Set([...loopbackNames, bracketed(host), ...allowedHosts].map((name) => name.toLowerCase()));
  const origins = new Set(allowedOrigins);
  return (c, next) => {
    const hostHeader = c.req.header("host") ?? "";
    if (!hosts.has(hostnameOf(hostHeader)) && !hosts.has(hostHeader.toLowerCase())) {
      throw new Problem(
        "forbidden_host",
        "This Host is not served here; listen.allowed_hosts would allow it. Nothing was executed",
      );
    }
    const origin = c.req.header("origin");
    const isStrange = origin !== undefined && !isOwn(origin, hostHeader) && !origins.has(origin);
    const isUnnamed = isStrange || origin === undefined;
    if ((isStrange && changesOrStreams(c.req.raw)) || (isUnnamed && isPulledIn(c.req.raw))) {
      throw new Problem(
        "forbidden_origin",
        "Pages of this Origin may not use this service; listen.allowed_origins would allow it. Nothing was executed",
      );
    }
    return next();
  };
}

function changesOrStreams({ method, headers }: Request): boolean {
  return (method !== "GET" && method !== "HEAD") || headers.get("upgrade") !== null;
}

/**
 * A stranger's page can't read what it makes its reader's browser fetch or frame, and could still keep us at work with it
 * (Fetch Metadata). A link that leads here is no such thing.
 */
function isPulledIn({ headers }: Request): boolean {
  if (headers.get("sec-fetch-site") !== "cross-site") return false;
  return headers.get("sec-fetch-mode") !== "navigate" || headers.get("sec-fetch-dest") !== "document";
}

function isOwn(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

/** The name in a Host header, without port and trailing dot, lower case. */
function hostnameOf(host: string): string {
  return host.toLowerCase().replace(port, "").replace(lastDot, "");
}

const port = /:\d{1,5}$/;
const lastDot = /\.$/;

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
