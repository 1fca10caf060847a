import { describe, expect, test } from "bun:test";
import type { Json } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { environment, runCommand } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { gate, newStory, useScene } from "./scene.ts";

/** Programs of their own, beside connections of this one: each costs a start of the runtime. */
const programs = 3;
const connections = 12;

export function orderSuite(launcher: Launcher): void {
  describe("two gateways' worth of clients", () => {
    const scene = useScene(launcher);
    const run = async (story: string): Promise<number> => {
      const args = ["dispatch", "enqueue_story", story, "--url", scene.gateway.baseUrl];
      const { code, stderr } = await runCommand(launcher, args, { env: environment(scene.gateway.root) });
      expect(stderr).toBe("");
      return code ?? -1;
    };
    const connect = async (story: string): Promise<number> => ((await scene.enqueue(story)).status === 200 ? 0 : 1);
    const intentOf = (story: string): Promise<Json> =>
      scene.recorded((record) => record.event === "intent" && record.story_id === story, `the intent of ${story}`);
    const stories = (): string[] => scene.podium.commands.map(({ body }) => JSON.parse(body).storyId);

    test("come one after the other: that is their order at Podium", async () => {
      const hold = gate();
      scene.podium.next(reply.after(hold.opened, reply.text(yes)));
      const [wanted, ends]: [string[], Promise<number>[]] = [[], []];
      for (const client of [connect, run, connect, run, connect]) {
        const story = newStory();
        wanted.push(story);
        ends.push(client(story));
        await intentOf(story);
      }
      await scene.podium.commandsSeen(1);
      hold.open();
      expect(await Promise.all(ends)).toEqual(wanted.map(() => 0));
      expect(stories()).toEqual(wanted);
    });

    test("come all at once: Podium hears them one at a time, in the order in which they are on record", async () => {
      const hold = gate();
      scene.podium.next(reply.after(hold.opened, reply.text(yes)));
      const first = connect(newStory());
      await scene.podium.commandsSeen(1);
      const together: number[] = [];
      let busy = 0;
      scene.podium.otherwise = async (socket, seen) => {
        together.push(++busy);
        await new Promise((resolve) => void setImmediate(resolve));
        busy--;
        await reply.text(yes)(socket, seen);
      };
      const clients = [
        ...Array.from({ length: connections }, () => connect),
        ...Array.from({ length: programs }, () => run),
      ];
      const asked = clients.map((client) => {
        const story = newStory();
        return { story, end: client(story) };
      });
      const intents = [];
      for (const { story } of asked) intents.push(await intentOf(story));
      hold.open();
      expect(await Promise.all([first, ...asked.map(({ end }) => end)])).toEqual([0, ...asked.map(() => 0)]);
      const onRecord = intents.toSorted((a, b) => a.seq - b.seq).map(({ story_id }) => story_id);
      expect(stories().slice(1)).toEqual(onRecord);
      expect(together).toEqual(onRecord.map(() => 1));
    });
  });
}
