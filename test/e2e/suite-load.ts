import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import type { Answer, Json } from "./http-client.ts";
import { call } from "./http-client.ts";
import { verifyToken } from "./jwt.ts";
import type { Launcher } from "./launcher.ts";
import { makeRoot, plannedRoot } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import type { Scene } from "./scene.ts";
import { dispatchCall, enqueueBody, gate, newStory, useScene } from "./scene.ts";
import type { SocketClient } from "./socket-client.ts";
import { connectSocket } from "./socket-client.ts";

const callers = 12;
const inFlight = 4;
const listeners = 20;
const reloads = 12;
const secrets = ["first", "second"].map((name) => `${name}-secret-0123456789-0123456789-abcdef`);
const types = ["STORY_STATUS", "QUEUE_UPDATE"];

/** What happens to a signal while everybody is busy. */
export function loadSuite(launcher: Launcher): void {
  describe("under load", () => {
    const root = plannedRoot();
    const write = (round: number): void => {
      const limits = { dispatch_per_minute: 50_000 + round, story_cooldown_s: 0, body_bytes_max: 65_536 - round };
      // QUEUE_UPDATE, which the listeners count, is always wanted.
      const stream = { types: types.slice(round % 2) };
      const log = { level: round % 2 === 0 ? "info" : "debug" };
      writeFileSync(`${root}/load.jsonc`, JSON.stringify({ limits, stream, log }));
      writeFileSync(`${root}/etc/secret`, secrets[round % 2]!, { mode: 0o600 });
      writeFileSync(`${root}/etc/before`, secrets[(round + 1) % 2]!, { mode: 0o600 });
    };
    beforeAll(() => {
      makeRoot(root);
      mkdirSync(`${root}/etc`, { mode: 0o700 });
      write(0);
    });
    const settings = {
      "podium.jwt_secret_file": `${root}/etc/secret`,
      "podium.jwt_secret_previous_file": `${root}/etc/before`,
      "podium.max_in_flight": String(inFlight),
    };
    const scene = useScene(launcher, { root, defaultLimits: true, settings, args: ["--config", `${root}/load.jsonc`] });
    let clients: SocketClient[] = [];
    let frames = 0;

    test("reload after reload drops no stream and no frame, loses no dispatch and no outcome", async () => {
      clients = await listening(scene);
      scene.podium.onRequest = ({ method }) => {
        if (method === "POST") scene.podium.emit(`{"type":"QUEUE_UPDATE","n":${frames++}}`);
      };
      const work = startCallers(scene);
      for (let round = 1; round <= reloads; round++) {
        write(round);
        await reload(scene, round);
        // Some are asked with what this reload brought, before the next one.
        await scene.podium.commandsSeen(round * callers);
      }
      const { answers, unanswered } = await work.stop();
      expect(answers.filter(({ status }) => status !== 200).map(({ text }) => text)).toEqual([]);
      expect(unanswered).toEqual([]);
      expect(scene.podium.upgrades).toHaveLength(1);
      expectAccounted(scene, answers);
      for (const client of clients) {
        await client.frame(({ n }) => n === frames - 1, "the last frame");
        expect(numbersOf(client)).toEqual(Array.from({ length: frames }, (_, n) => n));
      }
      for (const secret of secrets) {
        const signed = scene.podium.commands.filter(({ headers }) =>
          isSignedWith(headers.get("authorization"), secret),
        );
        expect(signed.length).toBeGreaterThan(0);
      }
    });

    test("SIGTERM: what was taken is finished and recorded, the rest is refused unsent, streams are told, exit code 0", async () => {
      const hold = gate();
      scene.podium.otherwise = reply.after(hold.opened, reply.text(yes));
      const work = startCallers(scene);
      await scene.podium.commandsSeen(inFlight);
      const ended = scene.gateway.stop();
      await scene.gateway.child.line((line) => line.includes('"event":"signal"') || undefined, "the signal is taken");
      // Podium takes its time, and those who stand in line have none.
      hold.open();
      const { answers, unanswered } = await work.stop();
      expect(await ended).toEqual({ code: 0, signal: null });
      for (const { status, json } of answers) if (status !== 200) expect(json.code).toBe("shutting_down");
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(inFlight);
      expectAccounted(scene, answers);
      // Whoever came too late to be answered came too late to be executed.
      const executed = scene.podium.commands.map(({ body }) => JSON.parse(body).storyId);
      expect(unanswered.filter((story) => executed.includes(story))).toEqual([]);
      for (const client of clients) expect((await client.closed).code).toBe(1001);
      expect(scene.gateway.records().at(-1).event).toBe("close");
    });
  });
}

async function listening(scene: Scene): Promise<SocketClient[]> {
  await scene.podium.telemetry();
  // Not the scene's own list: these stay from one test to the next.
  const clients = await Promise.all(
    Array.from({ length: listeners }, () => connectSocket(`${scene.gateway.wsUrl}/api/orchestrator/stream`)),
  );
  for (const client of clients) await client.frame(({ type }) => type === "GATEWAY_STATUS", "the first word");
  return clients;
}

interface Work {
  readonly answers: Answer[];
  /** Stories of requests that nobody answered: the door was closed. */
  readonly unanswered: string[];
}

/** Callers that dispatch one story after the other, until told, refused, or until nobody listens any more. */
function startCallers(scene: Scene): { stop(): Promise<Work> } {
  const work: Work = { answers: [], unanswered: [] };
  const told = new AbortController();
  const caller = async (): Promise<void> => {
    while (!told.signal.aborted) {
      const story = newStory();
      const answer = await call(scene.gateway.baseUrl, dispatchCall(enqueueBody(story))).catch(() => undefined);
      if (answer) work.answers.push(answer);
      else work.unanswered.push(story);
      if (answer?.status !== 200) return;
    }
  };
  const all = Promise.all(Array.from({ length: callers }, caller));
  return {
    async stop() {
      told.abort();
      await all;
      return work;
    },
  };
}

async function reload({ gateway }: Scene, round: number): Promise<void> {
  gateway.child.kill("SIGHUP");
  const said = (): Json[] =>
    gateway.logged().filter(({ event, changed }) => event === "reload" && changed !== undefined);
  await gateway.child.line(() => said()[round - 1], `reload ${round}`);
  expect(said()[round - 1].changed.split(", ").toSorted()).toEqual(
    [
      "PODIUM_JWT_SECRET",
      "PODIUM_JWT_SECRET_PREVIOUS",
      "limits.body_bytes_max",
      "limits.dispatch_per_minute",
      "log.level",
      "stream.types",
    ].toSorted(),
  );
}

/** Each command that reached Podium has its intent and its one outcome, and whoever was told so finds his own. */
function expectAccounted(scene: Scene, answers: readonly Answer[]): void {
  const records = scene.gateway.records();
  const of = (event: string): Json[] => records.filter((record) => record.event === event);
  const ids = (list: readonly Json[]): string[] => list.map(({ audit_id }) => String(audit_id)).toSorted();
  expect(ids(of("outcome"))).toEqual(ids(of("intent")));
  expect(of("unknown")).toEqual([]);
  const queued = new Set(of("outcome").flatMap(({ result, audit_id }) => (result === "queued" ? [audit_id] : [])));
  for (const { status, json } of answers) if (status === 200) expect(queued.has(json.audit_id)).toBe(true);
  const commanded = scene.podium.commands.map(({ body }) => JSON.parse(body).storyId);
  const recorded = new Set(of("intent").map(({ story_id }) => story_id));
  expect(commanded.filter((story) => !recorded.has(story))).toEqual([]);
  expect(new Set(commanded).size).toBe(commanded.length);
}

function numbersOf(client: SocketClient): number[] {
  return client.texts(["QUEUE_UPDATE"]).map((text) => (JSON.parse(text) as { n: number }).n);
}

function isSignedWith(authorization: string | null, secret: string): boolean {
  try {
    verifyToken(authorization!.slice("Bearer ".length), secret);
    return true;
  } catch {
    return false;
  }
}
