/**
 * How the bench talks to a process of its own: it says `{"port":N}` on standard output when it is ready, then answers
 * each JSON line on standard input with one JSON line. Standard error is passed through.
 */
export async function answerCommands(
  ready: Readonly<Record<string, unknown>>,
  answer: (command: never) => Promise<unknown>,
): Promise<void> {
  say(ready);
  for await (const line of console) say((await answer(JSON.parse(line) as never)) ?? {});
  // The bench is gone: so are we.
  process.exit(0);
}

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
