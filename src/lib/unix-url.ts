/**
 * HTTP over a unix socket in one text, as several clients write it: `http+unix://%2Frun%2Froxy.sock`, to which a path is
 * added as to any base URL.
 */
const scheme = "http+unix://";

export function unixUrl(socket: string): string {
  return scheme + encodeURIComponent(socket);
}

export function isUnixUrl(url: string): boolean {
  return url.startsWith(scheme);
}

/** What an HTTP client is told for a URL of any kind. The Host of a request over a socket is localhost. */
export function requestTarget(url: string): { readonly url: string; readonly socketPath?: string } {
  if (!isUnixUrl(url)) return { url };
  const slash = url.indexOf("/", scheme.length);
  const end = slash < 0 ? url.length : slash;
  return { url: `http://localhost${url.slice(end)}`, socketPath: decodeURIComponent(url.slice(scheme.length, end)) };
}
