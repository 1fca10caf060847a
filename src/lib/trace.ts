import { ulid } from "./ids.ts";
import { passableTraceState } from "./trace-state.ts";

/** What ties one request together across logs, records and Podium. */
export interface Trace {
  /** The caller's own, or one of ours. */
  readonly requestId: string;
  /** W3C Trace Context, as the caller sent it. */
  readonly traceparent?: string | undefined;
  /** What tracing systems add to it. Passed on to Podium, not recorded: the trace's own id is what leads there. */
  readonly tracestate?: string | undefined;
}

const requestIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}$/;
/** W3C Trace Context section 3.2.2; later versions may add fields, version ff is forbidden. */
const traceparentPattern = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * An id that is not fit to be repeated is replaced, and a traceparent that is none is dropped, with its tracestate
 * (section 3.3): nothing of this fails a request.
 */
export function traceOf(
  requestId: string | undefined,
  traceparent: string | undefined,
  epochMs: number,
  stateHeader = "",
): Trace {
  const match = traceparent === undefined ? null : traceparentPattern.exec(traceparent.trim());
  // Version 00 has exactly these four fields.
  const valid = match && !(match[1] === "00" && match[5] !== undefined);
  const tracestate = valid ? passableTraceState(stateHeader) : undefined;
  return {
    requestId: requestId !== undefined && requestIdPattern.test(requestId) ? requestId : `REQ-${ulid(epochMs)}`,
    traceparent: valid ? `${match[1]}-${match[2]}-${match[3]}-${match[4]}` : undefined,
    tracestate,
  };
}

/** Sampled, and a random trace id; the other bits of version 00 must be zero (section 3.2.2.5). */
const knownFlags = 3;

/** What Podium gets: the caller's trace, with our own step in it as the parent (section 3.2.2.4). */
export function traceHeaders({ requestId, traceparent, tracestate }: Trace): Record<string, string> {
  if (traceparent === undefined) return { "x-request-id": requestId };
  const [, traceId, , flags = ""] = traceparent.split("-");
  const step = crypto.getRandomValues(new Uint8Array(8));
  // All zeros would be no id.
  step[0] = (step[0] ?? 0) | 1;
  const id = [...step].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const known = (Number.parseInt(flags, 16) & knownFlags).toString(16).padStart(2, "0");
  const headers = { "x-request-id": requestId, traceparent: `00-${traceId}-${id}-${known}` };
  return tracestate === undefined ? headers : { ...headers, tracestate };
}
