/** An answer from JSON text. */
export function jsonResponse(body: string, headers: Readonly<Record<string, string>> = {}, status = 200): Response {
  return new Response(body, { status, headers: { "content-type": "application/json", ...headers } });
}
