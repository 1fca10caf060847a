import { exitCodes } from "../lib/errors.ts";
import { apiRequest } from "../wire/client.ts";
import { jobsAnswerSchema, statusAnswerSchema } from "./answers.ts";
import type { Client } from "./client.ts";
import type { FollowOptions } from "./follow-events.ts";
import { followEvents, fromTheFirst } from "./follow-events.ts";
import { liveDrawing } from "./live-drawing.ts";
import { afterGateway, afterNotice, afterPodium, afterSign, watchState } from "./watch-state.ts";
import { watchLines } from "./watch-view.ts";

/** Ages count up, and what brings no frame, such as a refused dispatch, shows within this time. */
const beatMs = 1_000;
/** Frames of one burst are drawn together. */
const burstMs = 40;
/** After a frame, what it means for a job is on record by now. */
const recordedMs = 200;
const jobsRead = 20;
/** They stand in the gateway's memory: an answer that takes longer is lost, and is better asked for anew. */
const jobsMs = 5_000;
/** Where a terminal does not say how large it is: the size that terminals have always had. */
const usualSize = { columns: 80, rows: 24 };

/**
 * The live view, until somebody ends it: drawn in its place, over and over.
 * @param types of the frames that are listed, by commas; what stands above them comes from all of them
 * @returns the exit code
 */
export async function watchLive(client: Client, follow: FollowOptions, types?: string): Promise<number> {
  const { api, screen, runtime } = client;
  const drawing = liveDrawing(runtime.process);
  const listed = types === undefined ? undefined : new Set(types.split(","));
  let state = watchState(api.url, Date.now());
  let begun = false;
  const draw = (anew = false): void => {
    if (!begun || follow.stop.asked) return;
    drawing.draw(watchLines(screen, state, runtime.process.terminalSize() ?? usualSize, Date.now()), anew);
  };
  const drawSoon = later(burstMs, draw);
  const read = reader(client, (change) => {
    state = change(state);
    drawSoon.call();
  });
  const jobsSoon = later(recordedMs, () => void read.jobs());
  runtime.process.onTerminalResize(() => draw(true));
  const beat = setInterval(() => {
    jobsSoon.call();
    draw(true);
  }, beatMs);
  try {
    for await (const notice of fromTheFirst(runtime, followEvents(api, follow))) {
      state = afterNotice(notice.kind === "lost" ? state : afterSign(state, Date.now()), notice, listed);
      if (!begun || notice.kind === "back") void Promise.all([read.status(), read.jobs()]);
      begun = true;
      jobsSoon.call();
      drawSoon.call();
    }
    return exitCodes.done;
  } finally {
    clearInterval(beat);
    for (const timer of [drawSoon, jobsSoon]) timer.cancel();
    drawing.end();
  }
}

/** Calls that come together count as one, a moment after the first. */
function later(ms: number, act: () => void): { call(): void; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    call() {
      timer ??= setTimeout(() => {
        timer = undefined;
        act();
      }, ms);
    },
    cancel: () => clearTimeout(timer),
  };
}

type Take = (change: (state: ReturnType<typeof watchState>) => ReturnType<typeof watchState>) => void;

/** What no frame tells. A read that fails changes nothing: that the gateway is lost, the stream says. */
function reader({ api }: Client, take: Take): { status(): Promise<void>; jobs(): Promise<void> } {
  const once = (read: () => Promise<void>): (() => Promise<void>) => {
    let isReading = false;
    return async () => {
      if (isReading) return;
      isReading = true;
      await read().catch(() => undefined);
      isReading = false;
    };
  };
  return {
    status: once(async () => {
      const answer = statusAnswerSchema.safeParse(
        (await api.send(apiRequest("get", "/api/orchestrator/status"))).json,
      ).data;
      if (answer) take((state) => afterPodium(afterGateway(state, answer.gateway), answer.podium));
    }),
    jobs: once(async () => {
      const request = apiRequest("get", "/api/orchestrator/jobs", { query: { limit: jobsRead } });
      const { json } = await api.send(request, { timeoutMs: jobsMs });
      const answer = jobsAnswerSchema.safeParse(json).data;
      take((state) => ({ ...afterSign(state, Date.now()), ...(answer && { jobs: answer.jobs }) }));
    }),
  };
}
