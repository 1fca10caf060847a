import { expect, test } from "bun:test";
import type { ApiRequest } from "../../src/wire/client.ts";
import type { Reply, Requests } from "../../src/panel/web/api/requests.ts";
import { Commander } from "../../src/panel/web/live/commander.ts";
import { Store } from "../../src/panel/web/live/store.ts";

/** Six stories pressed: what was sent, and the answer to each when the test gives it. */
function sixPressed() {
  const store = new Store();
  const sent: { readonly storyId: string; readonly answer: (reply: Reply) => void }[] = [];
  const send = ({ body }: ApiRequest): Promise<Reply> =>
    new Promise((answer) => {
      const { payload } = JSON.parse(body ?? "") as { payload: { story_id: string } };
      sent.push({ storyId: payload.story_id, answer });
    });
  const requests = { send, letGo: () => {} } as unknown as Requests;
  const commander = new Commander(requests, store, () => {});
  const runs = [1, 2, 3, 4, 5, 6].map((n) => commander.run({ action: "enqueue_story", story_id: `S-${n}` }));
  return { store, sent, commander, runs };
}

const refused = (code: string): Reply => ({
  ok: false,
  problem: { code, title: code, detail: "", retry: "safe", httpStatus: 503, faults: [] },
  body: {},
});

test("what waits in the page is sent when its turn comes", async () => {
  const { sent, runs } = sixPressed();
  await Promise.resolve();
  expect(sent.map(({ storyId }) => storyId)).toEqual(["S-1", "S-2"]);
  sent[0]!.answer(refused("queue_full"));
  await runs[0];
  expect(sent.map(({ storyId }) => storyId)).toEqual(["S-1", "S-2", "S-3"]);
});

test("an answer that tells of a halt, wherever that came from, sends away what was pressed before it", async () => {
  const { store, sent, runs } = sixPressed();
  await Promise.resolve();
  sent[1]!.answer(refused("cancelled_by_halt"));
  await Promise.all(runs.slice(1));
  expect(sent).toHaveLength(2);
  for (const n of [3, 4, 5, 6]) {
    expect(store.state.attempts.get(`enqueue_story S-${n}`)?.problem).toMatchObject({
      title: "Not sent",
      retry: "safe",
    });
  }
});
