import { expect, setDefaultTimeout, test } from "bun:test";
import { freePort } from "../e2e/free-port.ts";
import { environment } from "../e2e/launcher.ts";
import { patienceMs } from "../e2e/watch.ts";
import { commandLine, newRoot } from "./stage.ts";
import type { Terminal } from "./terminal.ts";
import { ctrlC } from "./terminal.ts";

setDefaultTimeout(3 * patienceMs);
const root = newRoot();
const alone = commandLine(environment(root));

async function startDemo(): Promise<{ demo: Terminal; end(): Promise<void> }> {
  const [port, podiumPort] = [await freePort(), await freePort()];
  const demo = alone.terminal("demo", "--port", `${port}`, "--podium-port", `${podiumPort}`);
  await demo.shows("Ctrl-C stops both");
  const end = async (): Promise<void> => {
    demo.type(ctrlC);
    expect((await demo.ended).code).toBe(0);
  };
  return { demo, end };
}

test("on a terminal the orchestrator's log is as readable as the gateway's", async () => {
  const { demo, end } = await startDemo();
  await demo.shows(/^luno │ \d\d:\d\d:\d\d\.\d{3} info +luno_started .*url=http/m);
  await end();
  expect(demo.screen()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info +listening /m);
  expect(demo.screen()).not.toContain("│ {");
});
