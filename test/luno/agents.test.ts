import { afterEach, expect, test } from "bun:test";
import path from "node:path";
import { runtime } from "#runtime";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { AgentPool } from "../../src/luno/agents.ts";
import type { Ending } from "../../src/luno/execution.ts";
import { Ledger } from "../../src/luno/ledger.ts";
import { emptyState } from "../../src/luno/state.ts";
import type { Story } from "../../src/luno/story.ts";
import { endAll, temporaryFolder } from "./luno-under-test.ts";

afterEach(endAll);

test("who stops a story hears what has survived it", async () => {
  const place = { epicId: "E", sprintId: "S", title: "A story", queue: "free-tier", status: "todo" } as const;
  const story: Story = { storyId: "A", ...place, dependencies: [] };
  const shared = { clock: systemClock, log: silentLog };
  const file = path.join(temporaryFolder(), "state.json");
  const ledger = new Ledger({ files: runtime.files, path: file, ...shared, stories: [story], state: emptyState });
  const { promise: ended, resolve } = Promise.withResolvers<Ending>();
  const stop = (): void => resolve({ status: "failed", message: "Killed", leftover: "something holds on" });
  const silence = { onLine() {}, onAgents() {}, onIdle() {} };
  const agents = new AgentPool({ count: 1, ledger, ...shared, execute: () => ({ ended, stop }), ...silence });
  const entry = { storyId: "A", enqueuedAt: "", enqueuedBy: "mark", bypassDependencies: false };
  ledger.commit({ queue: [entry], transitions: [{ storyId: "A", to: "queued" }] });
  agents.assign();
  await agents.stopAll("cancelled", "Halted by mark");
  expect(ledger.stateOf(story)).toMatchObject({ status: "cancelled", message: "Halted by mark; something holds on" });
});
