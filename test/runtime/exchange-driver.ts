import { createInterface } from "node:readline";
import { runtime } from "#runtime";
import type { ExchangeError, OutgoingRequest } from "../../src/runtime/types.ts";

/**
 * Runs exchanges on whichever runtime starts it: JSON requests on standard input, those of a line one after the other, one JSON result a line on
 * standard output, in the order in which they end.
 */
interface Asked {
  readonly id: number;
  readonly request: OutgoingRequest;
  /** Milliseconds to be busy for before it, so that what comes in meanwhile waits in the kernel. */
  readonly spinMs?: number;
  /** It may not leave when it comes to that. */
  readonly withdrawn?: boolean;
}

async function run({ id, request, spinMs = 0, withdrawn = false }: Asked): Promise<object> {
  for (const until = performance.now() + spinMs; performance.now() < until;);
  try {
    const { status, contentType, body } = await runtime.exchange({
      ...request,
      ...(withdrawn && { mayLeave: () => false }),
    });
    return { id, status, contentType, body: new TextDecoder().decode(body) };
  } catch (error) {
    const { kind, sent, message } = error as ExchangeError;
    return { id, kind, sent, message };
  }
}

async function runAll(asked: readonly Asked[]): Promise<void> {
  for (const one of asked) process.stdout.write(`${JSON.stringify(await run(one))}\n`);
}

createInterface({ input: process.stdin }).on("line", (line) => void runAll(JSON.parse(line) as Asked[]));
