import { answerCommands } from "./commands.ts";

/** The limit of a dispatch: Bun's own server and client, and nothing between them but JSON. */

const podium = `http://127.0.0.1:${process.argv[2]}/api/command`;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  async fetch(request) {
    const { payload } = (await request.json()) as { payload: { story_id: string } };
    const answer = await fetch(podium, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "ENQUEUE_STORY", storyId: payload.story_id }),
    });
    return Response.json({ success: true, podium_result: await answer.json() });
  },
});

await answerCommands({ port: server.port }, () => Promise.resolve({}));
