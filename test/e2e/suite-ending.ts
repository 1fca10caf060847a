import { describe, expect, test } from "bun:test";
import type { Answer } from "./http-client.ts";
import { call } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { dispatchCall, newStory, useScene } from "./scene.ts";

const timeoutMs = 500;
/** What the printed unit gives it before it kills (TimeoutStopSec). */
const killedAfterMs = timeoutMs + 15_000;

/** An end that somebody could put off. */
export function endingSuite(launcher: Launcher): void {
  describe("the end", () => {
    const scene = useScene(launcher, { settings: { "podium.timeout_ms": String(timeoutMs) } });

    test("comes in time although Podium hangs and halts never cease, and each outcome is on record", async () => {
      // A halt is answered when the next one is there, so that there is never a moment without one.
      let answerBefore = (): void => {};
      scene.podium.otherwise = (socket, seen) => {
        if (!seen.body.includes("HALT")) return;
        answerBefore();
        answerBefore = () => void reply.text(yes)(socket, seen);
      };
      const first = scene.enqueue(newStory());
      await scene.podium.commandsSeen(1);
      const startedAt = performance.now();
      const over = new AbortController();
      const ended = scene.gateway.stop().finally(() => over.abort());
      const halts: Answer[] = [];
      const halting = async (): Promise<void> => {
        while (!over.signal.aborted && performance.now() - startedAt < killedAfterMs) {
          const answer = await call(scene.gateway.baseUrl, dispatchCall({ action: "halt" })).catch(() => undefined);
          if (answer) halts.push(answer);
        }
      };
      await Promise.all([ended, halting(), halting(), halting()]);
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(performance.now() - startedAt).toBeLessThan(killedAfterMs);
      expect((await first).json.code).toBe("podium_timeout");
      expect(halts.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
      const codes = new Set(halts.filter(({ status }) => status !== 200).map(({ json }) => json.code));
      expect([...codes].filter((code) => code !== "podium_timeout" && code !== "shutting_down")).toEqual([]);
      const records = scene.gateway.records();
      const intents = records.filter(({ event }) => event === "intent");
      expect(records.filter(({ event }) => event === "outcome")).toHaveLength(intents.length);
      expect(scene.podium.commands).toHaveLength(intents.length);
      expect(records.at(-1).event).toBe("close");
    });
  });
}
