import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { runtime } from "#runtime";
import type { LunoOptions } from "../../src/luno/start.ts";
import { startLuno } from "../../src/luno/start.ts";

/** What a test wants done when it ends, newest first. */
const endings: (() => unknown)[] = [];

/** For `afterEach` of each file: a hook that stands here would be the first file's alone. */
export async function endAll(): Promise<void> {
  for (const end of endings.splice(0).toReversed()) await end();
}

export function atEnd(end: () => unknown): void {
  endings.push(end);
}

export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "luno-test-"));
  atEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type Json = Record<string, any>;

/** A minute passes between beats unless a test says otherwise: what happens, happens by events. */
const testBeatMs = 60_000;

export async function startTestLuno(options: Partial<LunoOptions> = {}) {
  const folder = options.folder ?? temporaryFolder();
  const luno = await startLuno({
    runtime,
    host: "127.0.0.1",
    port: 0,
    runMs: 4,
    beatMs: testBeatMs,
    ...options,
    folder,
  });
  atEnd(() => luno.stop());
  const base = `http://127.0.0.1:${luno.port}`;
  const send = async (method: string, route: string, body?: unknown, token?: string) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(base + route, { method, headers, ...(body !== undefined && { body: text }) });
    return { status: response.status, json: (await response.json()) as Json };
  };
  return {
    ...luno,
    folder,
    base,
    get: (route: string, token?: string) => send("GET", route, undefined, token),
    post: (route: string, body: unknown, token?: string) => send("POST", route, body, token),
    command: async (type: string, more: Json = {}) => (await send("POST", "/api/command", { type, ...more })).json,
    skoreq: async (step: string, body: Json) => (await send("POST", `/api/governance/skoreq/${step}`, body)).json,
    story: async (storyId: string) => {
      const { json } = await send("GET", "/api/status");
      return json["stories"].find((story: Json) => story["storyId"] === storyId) as Json;
    },
    stream: (token?: string) => openStream(luno.port, token),
  };
}

/** A client of the telemetry: keeps all frames, and waits for those that are still to come. */
export async function openStream(port: number, token?: string) {
  const query = token === undefined ? "" : `?token=${token}`;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws${query}`);
  atEnd(() => socket.close());
  const frames: Json[] = [];
  const waiting = new Set<() => void>();
  let closed = false;
  const wake = (): void => waiting.forEach((look) => look());
  socket.addEventListener("message", ({ data }) => {
    frames.push(JSON.parse(String(data)) as Json);
    wake();
  });
  socket.addEventListener("close", () => {
    closed = true;
    wake();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("the WebSocket was refused")));
  });
  const until = (wanted: (frame: Json) => boolean): Promise<Json> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = frames.find(wanted);
        if (!found && !closed) return;
        waiting.delete(look);
        if (found) resolve(found);
        else reject(new Error("the stream closed before the frame came"));
      };
      waiting.add(look);
      look();
    });
  return {
    frames,
    until,
    status: (storyId: string, status: string) =>
      until((f) => f["type"] === "STORY_STATUS" && f["storyId"] === storyId && f["status"] === status),
    line: (storyId: string, line: string) =>
      until((f) => f["type"] === "STORY_LOG" && f["storyId"] === storyId && f["line"] === line),
    /** Statuses announced for a story, in order. */
    steps: (storyId: string) =>
      frames.filter((f) => f["type"] === "STORY_STATUS" && f["storyId"] === storyId).map((f) => f["status"] as string),
  };
}

/** A folder whose catalogue has just these stories. */
export function folderWith(stories: readonly Json[]): string {
  const folder = temporaryFolder();
  writeStories(path.join(folder, "catalogue.json"), {}, stories);
  return folder;
}

/** Writes a catalogue, or with a planId a plan, that has one epic and one sprint. */
export function writeStories(file: string, head: Json, stories: readonly Json[]): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const titled = stories.map((story) => ({ title: "A story", ...story }));
  const sprints = [{ sprintId: "SPRINT-1", title: "A sprint", stories: titled }];
  fs.writeFileSync(file, JSON.stringify({ ...head, epics: [{ epicId: "EPIC-1", title: "An epic", sprints }] }));
}
