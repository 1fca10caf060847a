import { afterAll, afterEach, beforeAll, describe, setDefaultTimeout, test } from "bun:test";
import { recordsOf } from "./audit-file.ts";
import type { Answer, Call, Json } from "./http-client.ts";
import { call } from "./http-client.ts";
import type { Gateway, GatewayOptions, Launcher } from "./launcher.ts";
import { removeRoot, startGateway } from "./launcher.ts";
import { PodiumStub } from "./podium-stub.ts";
import type { SocketClient } from "./socket-client.ts";
import { connectSocket } from "./socket-client.ts";
import { eventually, patienceMs } from "./watch.ts";

export const dispatchPath = "/api/orchestrator/dispatch";

/** 32 bytes and more: long enough not to be warned about. */
export const secret = "e2e-secret-0123456789abcdef-0123456789";

/** A gateway in front of a scripted Podium, for all tests of one `describe`. */
export interface Scene {
  readonly podium: PodiumStub;
  readonly gateway: Gateway;
  call(request: Call): Promise<Answer>;
  get(path: string): Promise<Answer>;
  dispatch(body: Json, more?: Partial<Call>): Promise<Answer>;
  /** Dispatches `enqueue_story`. */
  enqueue(storyId: string, headers?: Record<string, string>, more?: Partial<Call>): Promise<Answer>;
  socket(path: string): Promise<SocketClient>;
  /** The audit records of one dispatch. */
  records(auditId: string): Json[];
  /** Resolves with a job when Podium's word for its story is this one. */
  word(jobId: string, word: string): Promise<Json>;
  /** Resolves when the gateway knows of a job whose record was just seen in the file. */
  known(jobId: string): Promise<void>;
  /** Resolves when the log's file holds a record that fits: a moment before it is durable, and known to all. */
  recorded(fits: (record: Json) => boolean, what: string): Promise<Json>;
  /** The same folder, after a stop or a kill. */
  restart(how: "stop" | "kill", options?: Partial<GatewayOptions>): Promise<void>;
}

export type SceneOptions = Partial<GatewayOptions>;

export function useScene(launcher: Launcher, options: SceneOptions = {}): Scene {
  let podium: PodiumStub;
  let gateway: Gateway;
  const open: SocketClient[] = [];
  beforeAll(async () => {
    podium = await PodiumStub.start();
    gateway = await startGateway(launcher, { podiumUrl: podium.url, ...options });
  });
  afterEach(() => {
    podium.reset();
    for (const client of open.splice(0)) client.close();
  });
  afterAll(async () => {
    await gateway?.kill();
    await podium?.down();
    if (gateway) removeRoot(gateway.root);
  });
  const scene: Scene = {
    get podium() {
      return podium;
    },
    get gateway() {
      return gateway;
    },
    call: (request) => call(gateway.baseUrl, request),
    get: (path) => call(gateway.baseUrl, { path }),
    dispatch: (body, more) => call(gateway.baseUrl, dispatchCall(body, more)),
    enqueue: (storyId, headers = {}, more = {}) => scene.dispatch(enqueueBody(storyId), { headers, ...more }),
    socket: async (path) => {
      const client = await connectSocket(gateway.wsUrl + path);
      open.push(client);
      return client;
    },
    records: (auditId) => recordsOf(gateway.root, auditId),
    word: (jobId, word) =>
      eventually(async () => {
        const { json } = await scene.get(`/api/orchestrator/status/${jobId}`);
        return json.podium_status === word ? json : undefined;
      }, `${jobId} to be ${word}`),
    known: async (jobId) => {
      const isKnown = async (): Promise<true | undefined> =>
        (await scene.get(`/api/orchestrator/status/${jobId}`)).status === 200 || undefined;
      await eventually(isKnown, `${jobId} to be known`);
    },
    recorded: (fits, what) => eventually(() => gateway.records().find(fits), what),
    restart: async (how, more = {}) => {
      await gateway[how]();
      gateway = await startGateway(launcher, { podiumUrl: podium.url, ...options, ...more, root: gateway.root });
    },
  };
  return scene;
}

export function dispatchCall(body: Json, more: Partial<Call> = {}): Call {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { path: dispatchPath, body: text, ...more, headers: { "content-type": "application/json", ...more.headers } };
}

export function enqueueBody(storyId: string): Json {
  return { action: "enqueue_story", payload: { story_id: storyId }, source: "e2e", auth: { user_id: "mark" } };
}

export const streamPath = "/api/orchestrator/stream";

/** A stream client that has got its first frame: from now on it misses nothing. */
export async function listen(scene: Scene, query = ""): Promise<SocketClient> {
  await scene.podium.telemetry();
  const client = await scene.socket(streamPath + query);
  await client.frame(({ type, event }) => (event ?? { type }).type === "GATEWAY_STATUS", "the gateway's first word");
  return client;
}

let stories = 0;

/** A story that no other test has used. */
export function newStory(): string {
  return `STORY-${String(++stories).padStart(3, "0")}`;
}

/** A promise that a test opens when it wants. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

/** The suites of one launcher; without it they are skipped aloud, and failed where everything must be there. */
export function launcherSuites(launcher: Launcher, suites: readonly ((launcher: Launcher) => void)[]): void {
  const { missing, name } = launcher;
  setDefaultTimeout(3 * patienceMs);
  if (missing === undefined) {
    describe(name, () => {
      for (const suite of suites) suite(launcher);
    });
    return;
  }
  if (process.env["CI"] === "true") {
    test(`${name} is there`, () => {
      throw new Error(missing);
    });
    return;
  }
  process.stderr.write(`SKIPPED: the suites over ${name}: ${missing}\n`);
  describe.skip(`${name} (SKIPPED: ${missing})`, () => test("skipped", () => {}));
}
