import { describe, expect, test } from "bun:test";
import type { Json } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { reply } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { gate, newStory, useScene } from "./scene.ts";

const jobsPath = "/api/orchestrator/jobs";

export function jobsSuite(launcher: Launcher): void {
  describe("jobs", () => {
    const scene = useScene(launcher);
    pages(scene);
    filters(scene);
    badQueries(scene);
    logRoutes(scene);
    haltTime(scene);
  });
}

async function made(scene: Scene, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await scene.enqueue(newStory())).json.job_id);
  return ids;
}

const idsOf = (jobs: readonly Json[]): string[] => jobs.map(({ job_id }) => job_id);

function pages(scene: Scene): void {
  test("newest first, in pages that neither skip nor repeat, also while new ones come and after a restart", async () => {
    const ids = await made(scene, 7);
    const seen: string[] = [];
    let cursor = "";
    for (let page = 0; page < 20 && seen.length < 7; page++) {
      const { json } = await scene.get(`${jobsPath}?limit=2${cursor}`);
      seen.push(...idsOf(json.jobs));
      cursor = `&cursor=${json.next}`;
      if (page === 1) await made(scene, 1);
      if (page === 2) await scene.restart("kill");
    }
    expect(seen.slice(0, 7)).toEqual(ids.toReversed());
  });

  test("the end of the list has no next page", async () => {
    const { json } = await scene.get(`${jobsPath}?limit=200`);
    expect(json.next).toBeNull();
    expect(new Set(idsOf(json.jobs)).size).toBe(json.jobs.length);
  });
}

function filters(scene: Scene): void {
  test("by story, action, user, day and status, ours or Podium's", async () => {
    const story = newStory();
    const { job_id } = (await scene.enqueue(story)).json;
    scene.podium.next(reply.text('{"success":false,"error":"no"}'));
    const refused = (await scene.enqueue(newStory())).json.job_id;
    scene.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: story, status: "in_progress" }));
    await scene.word(job_id, "in_progress");
    const listed = async (query: string): Promise<string[]> =>
      idsOf((await scene.get(`${jobsPath}?${query}`)).json.jobs);
    expect(await listed(`story=${story}`)).toEqual([job_id]);
    expect(await listed("status=in_progress")).toEqual([job_id]);
    expect(await listed("status=rejected")).toEqual([refused]);
    expect(await listed(`story=${story}&action=cancel_story`)).toEqual([]);
    expect(await listed(`story=${story}&user=mark&action=enqueue_story`)).toEqual([job_id]);
    expect(await listed(`story=${story}&user=eve`)).toEqual([]);
    const day = new Date().toISOString().slice(0, 10);
    expect(await listed(`day=${day}&limit=1`)).toHaveLength(1);
    expect(await listed("day=2020-01-01")).toEqual([]);
  });
}

function badQueries(scene: Scene): void {
  for (const query of ["limit=0", "limit=201", "limit=x", "day=today", "action=fly", "colour=red", "limit=1&limit=2"]) {
    test(`"${query}" is refused`, async () => {
      expectProblem(await scene.get(`${jobsPath}?${query}`), { status: 400, code: "invalid_request", retry: "never" });
    });
  }

  test("a cursor of another filter, and one that is none of ours, are refused", async () => {
    await made(scene, 2);
    const { json } = await scene.get(`${jobsPath}?limit=1`);
    for (const query of [`status=queued&cursor=${json.next}`, "cursor=abc", "cursor=%00"]) {
      expectProblem(await scene.get(`${jobsPath}?${query}`), { status: 400, code: "invalid_request", retry: "never" });
    }
  });

  test("a job of a day before the log begins is told when that was, and not that its day was pruned", async () => {
    const answer = await scene.get("/api/orchestrator/status/JOB-20200101-001");
    expectProblem(answer, { status: 404, code: "not_found", retry: "never" });
    const begins = (scene.gateway.records()[0].timestamp as string).slice(0, 10);
    expect(answer.json.detail).toBe(`No job JOB-20200101-001 is in the audit log, which begins on ${begins}`);
  });
}

function logRoutes(scene: Scene): void {
  test("the log is read over HTTP: pages, one dispatch, the head, the chain and a proof that holds", async () => {
    await scene.enqueue(newStory());
    const { audit_id, receipt } = (await scene.enqueue(newStory())).json;
    const page = (await scene.get("/api/orchestrator/audit?limit=2&event=intent")).json;
    expect(page.records).toHaveLength(2);
    expect(page.records[0]).toMatchObject({ audit_id, seq: receipt.seq, hash: receipt.hash });
    const one = (await scene.get(`/api/orchestrator/audit/${audit_id}`)).json.records;
    expect(one.map(({ event }: Json) => event)).toEqual(["intent", "outcome"]);
    const head = (await scene.get("/api/orchestrator/audit/head")).json;
    expect(head.head).toMatchObject({ seq: scene.gateway.records().at(-1).seq });
    expect((await scene.get("/api/orchestrator/audit/verify")).json).toMatchObject({ verified: true, from_seq: 0 });
    const proof = (await scene.get(`/api/orchestrator/audit/${audit_id}/proof`)).json;
    expect(proof).toMatchObject({ audit_id, format: "roxy-core/audit-proof@1" });
    expect(proof.records).toHaveLength(2);
  });

  test("an audit id that is none, and one that is not there", async () => {
    expect((await scene.get("/api/orchestrator/audit/AUD-1")).status).toBe(400);
    expect((await scene.get("/api/orchestrator/audit/AUD-01ARZ3NDEKTSV4RRFFQ69G5FAV")).status).toBe(404);
  });
}

/** The quickest of so many: a busy machine can only add to it. */
const halts = 5;
/** A halt is on its way to Podium within milliseconds; on a machine with ten other things to do, within this. */
const haltMsMax = 2_000;

function haltTime(scene: Scene): void {
  test("under load a halt reaches Podium at once, while a command hangs there, and nothing that waited ever does", async () => {
    const hold = gate();
    scene.podium.next(reply.after(hold.opened, reply.text('{"success":true}')));
    const hanging = scene.enqueue(newStory());
    await scene.podium.commandsSeen(1);
    const stories = Array.from({ length: 20 }, newStory);
    const waiting = stories.map((story) => scene.enqueue(story));
    for (const story of stories) await scene.recorded(({ story_id }) => story_id === story, `the intent of ${story}`);
    const tookMs: number[] = [];
    for (let i = 0; i < halts; i++) {
      const reads = Array.from({ length: 50 }, () => scene.get(jobsPath));
      const startedAt = performance.now();
      const halt = scene.dispatch({ action: "halt" });
      await scene.podium.commandsSeen(2 + i);
      tookMs.push(performance.now() - startedAt);
      expect((await halt).status).toBe(200);
      for (const { status } of await Promise.all(reads)) expect(status).toBe(200);
    }
    process.stdout.write(`from request to Podium: ${tookMs.map((ms) => `${ms.toFixed(1)} ms`).join(", ")}\n`);
    expect(Math.min(...tookMs)).toBeLessThan(haltMsMax);
    for (const answer of await Promise.all(waiting)) {
      expectProblem(answer, { status: 503, code: "cancelled_by_halt", retry: "safe" });
    }
    hold.open();
    expect((await hanging).status).toBe(200);
    const types = scene.podium.commands.map(({ body }) => JSON.parse(body).type as string);
    expect(types).toEqual(["ENQUEUE_STORY", ...Array.from({ length: halts }, () => "HALT")]);
  });
}
