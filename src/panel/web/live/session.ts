import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText } from "../api/json.ts";
import { apiRequest } from "../../../wire/client.ts";
import type { PlainProblem } from "../api/requests.ts";
import { Requests } from "../api/requests.ts";
import type { StreamFrame } from "../api/stream.ts";
import { recall, Stream } from "../api/stream.ts";
import { factsAfterHealth } from "../state/connection.ts";
import { afterFrame } from "../state/frames.ts";
import { samplesAfter, samplesIn, samplesWith } from "../state/history.ts";
import { heardFrom } from "../state/heard.ts";
import type { Job } from "../state/jobs.ts";
import { jobsListed, readJobs } from "../state/jobs.ts";
import { readPodium } from "../state/read-podium.ts";
import { podiumIn, readServices } from "../state/services.ts";
import { jobsWith, nothingUnrecorded, unrecordedAfter, unrecordedIn } from "../state/unrecorded.ts";
import { spokenOf } from "../state/spoken.ts";
import type { Work } from "../state/work.ts";
import { isHalted, workOf } from "../state/work.ts";
import { AuditDesk } from "./audit-desk.ts";
import { Commander } from "./commander.ts";
import { Login } from "./login.ts";
import { Pulse } from "./pulse.ts";
import { loadSamples, saveSamples } from "./samples.ts";
import type { Attempt, Store } from "./store.ts";

/** Podium may take several seconds to tell its status; past this it is as good as none. */
const readMs = 12_000;
/** How often things are read anew while the stream tells of every change, and while it doesn't. */
const calmMs = { status: 30_000, jobs: 10_000 };
const aloneMs = { status: 3_000, jobs: 3_000 };
/** A disk fills, and is emptied, in minutes. */
const readyMs = 5_000;
/** roxy-core looks at most once in ten seconds; a Podium that hangs shows here first. */
const servicesMs = { shown: 5_000, hidden: 10_000 };
/** Frames by the dozen must not become reads by the dozen: each is a question to Podium. */
const anewMs = 1_000;
/** Frames of one burst are taken together, once in this time. */
const burstMs = 30;
/** After a word about a story, its record is mostly on disk by now. */
const recordedMs = 250;
const beatMs = 1_000;
/** The chart moves on, and what was today becomes yesterday, without anything having happened. */
const minuteMs = 60_000;
/** Longer than any answer over loopback; shorter than a reader's patience with an empty page. */
const firstReadsMs = 400;
const streamPath = "/api/orchestrator/stream";
const haltChannel = "roxy-panel-halt";

/** Keeps the state true: the stream, what is read beside it, and the pulse of both ends. */
export class Session {
  readonly requests: Requests;
  readonly commander: Commander;
  readonly audit: AuditDesk;
  readonly login: Login;
  readonly store: Store;
  readonly #stream: Stream;
  readonly #pulse: Pulse;
  readonly #others = "BroadcastChannel" in globalThis ? new BroadcastChannel(haltChannel) : undefined;
  readonly #startedAt = { status: 0, jobs: 0, ready: 0, services: 0 };
  readonly #due = { status: Date.now(), jobs: Date.now(), ready: Date.now(), services: 0 };
  readonly #reading = new Set<string>();
  #hasRecalled = false;
  #frames: StreamFrame[] = [];
  #unrecorded = nothingUnrecorded;
  /** Counts what could make a read that is on its way old. */
  #news = 0;

  constructor(store: Store) {
    this.store = store;
    this.requests = new Requests(() => store.facts({ tokenNeeded: true }));
    this.commander = new Commander(this.requests, store, (attempt) => this.#answered(attempt));
    this.audit = new AuditDesk(this.requests, store);
    this.login = new Login(this.requests, store, () => this.#letIn());
    this.#pulse = new Pulse(this.requests, store, () => this.#returned());
    this.#stream = new Stream({
      path: streamPath,
      mayConnect: () => !store.state.facts.tokenNeeded,
      onFrame: (frame) => this.#take(frame),
      onOpen: () => void this.#opened(),
      onClose: () => this.#closed(),
    });
  }

  start(): void {
    this.store.set({ samples: loadSamples(Date.now()) });
    this.commander.recall();
    this.#stream.connect();
    this.#pulse.start();
    this.login.start();
    void this.#firstReads();
    setInterval(() => this.#beat(), beatMs);
    // A machine that slept has missed things, and its connection may be dead without knowing.
    document.addEventListener("visibilitychange", () => this.#soon());
    // Another tab halts: the connections that we hold could be the ones its request is waiting for.
    this.#others?.addEventListener("message", () => {
      this.commander.haltHeard();
      this.requests.letGo();
    });
  }

  halt(): void {
    this.#others?.postMessage("let go");
    void this.commander.halt();
  }

  #letIn(): void {
    this.#stream.connect();
    this.readAnew();
    void this.audit.refresh();
  }

  #answered({ problem }: Attempt): void {
    // Its role is not the one that this page knows.
    if (problem?.code === "forbidden_role") void this.login.read();
    this.#soon();
  }

  /** Reads everything at the next beat, or as soon as {@link anewMs} allows. */
  readAnew(): void {
    this.#due.status = this.#due.jobs = this.#due.ready = this.#due.services = 0;
    this.#beat();
  }

  #beat(): void {
    const nowMs = Date.now();
    const { attempts, facts, page, work } = this.store.state;
    const isSending = [...attempts.values()].some(({ phase }) => phase === "sending");
    if (isSending || nowMs - this.store.state.nowMs > minuteMs) this.store.set({ nowMs });
    if (facts.tokenNeeded || facts.gateway === "lost") return;
    const isCalm = facts.stream === "open" && facts.upstream === "connected" && facts.podium === "answered";
    const pace = isCalm ? calmMs : aloneMs;
    this.#atMost("status", pace.status, nowMs, () => this.#readStatus());
    this.#atMost("jobs", pace.jobs, nowMs, () => this.#readJobs());
    this.#atMost("ready", readyMs, nowMs, () => this.#readReady());
    const servicesPace = page.name === "services" ? servicesMs.shown : servicesMs.hidden;
    this.#atMost("services", servicesPace, nowMs, () => this.#readServices());
    this.audit.beat(nowMs);
    if (facts.podium === "answered") this.#sample(work.queue.length, nowMs);
  }

  #atMost(
    what: "status" | "jobs" | "ready" | "services",
    everyMs: number,
    nowMs: number,
    read: () => Promise<void>,
  ): void {
    if (nowMs - this.#due[what] < everyMs || this.#reading.has(what)) return;
    // What is due stays due: a later beat reads it.
    if (nowMs - this.#startedAt[what] < anewMs) return;
    this.#due[what] = this.#startedAt[what] = nowMs;
    this.#reading.add(what);
    void read().finally(() => this.#reading.delete(what));
  }

  /** Whether a dispatch would be taken: an answer that says no comes with status 503, and is no problem document. */
  async #readReady(): Promise<void> {
    const readyAskedMs = Date.now();
    const { body } = await this.requests.send(apiRequest("get", "/ready"), { timeoutMs: readMs });
    const audit = firstText(fieldsOf(fieldsOf(body["gateway"])["audit"]), "state");
    if (audit === undefined) return;
    const refuses = body["success"] === true ? "" : (firstText(body, "reason") ?? "");
    this.store.facts({ audit, refuses, readyAskedMs });
  }

  async #readStatus(): Promise<void> {
    const newsBefore = this.#news;
    const statusAskedMs = Date.now();
    const upstreamBefore = this.store.state.facts.upstream;
    const reply = await this.requests.send(apiRequest("get", "/api/orchestrator/status"), { timeoutMs: readMs });
    const gateway = fieldsOf(reply.body["gateway"]);
    if (reply.ok || Object.keys(gateway).length > 0) {
      this.store.set({
        gateway,
        outdated: this.store.state.outdated || isOtherVersion(gateway, this.store.state.gateway),
      });
      const { cursor, oldest_cursor: oldest } = fieldsOf(gateway["stream"]);
      if (typeof cursor === "string") {
        this.#stream.startAt(cursor);
        this.#stream.hasReached(cursor);
      }
      if (typeof oldest === "string") void this.#recallDepths(oldest);
    }
    if (!reply.ok) {
      this.#statusUnread(reply.problem);
      return;
    }
    if (upstreamBefore === "connected" && this.store.state.facts.upstream !== "connected") {
      // Podium said this before it was lost: ask again.
      this.#due.status = 0;
      return;
    }
    this.store.facts({ podium: "answered", podiumDetail: "" });
    this.#setWork(workOf(readPodium(reply.body["podium"]), this.store.state.work));
    this.store.set({ workAt: new Date().toISOString(), statusAskedMs });
    this.#sample(this.store.state.work.queue.length, Date.now());
    // A frame that came meanwhile may be newer than this answer: ask once more.
    if (this.#news !== newsBefore) this.#due.status = Date.now() - calmMs.status + beatMs;
  }

  #statusUnread({ code, httpStatus, detail }: PlainProblem): void {
    if (httpStatus !== 0) return this.store.facts({ podium: "failed", podiumDetail: detail });
    this.#pulse.now();
    // Where roxy-core itself hangs, that is said before this.
    const podiumDetail = `Podium has not told its status for ${readMs / 1000} s.`;
    if (code === "gateway_silent") this.store.facts({ podium: "silent", podiumDetail });
    else if (code === "gateway_lost") this.store.facts({ podium: "unknown", podiumDetail: "" });
  }

  /** The chart's past: what happened before anybody opened this page, as far as roxy-core remembers. */
  async #recallDepths(since: string): Promise<void> {
    if (this.#hasRecalled) return;
    this.#hasRecalled = true;
    const frames = await recall(streamPath, since, ["QUEUE_UPDATE"]);
    const samples = samplesWith(this.store.state.samples, samplesIn(frames, Date.now()));
    this.store.set({ samples });
    saveSamples(samples);
  }

  async #readJobs(): Promise<void> {
    const startedMs = Date.now();
    const request = apiRequest("get", "/api/orchestrator/jobs", { query: { limit: jobsListed } });
    const reply = await this.requests.send(request, { timeoutMs: readMs });
    if (reply.ok) this.#takeJobs(readJobs(reply.body), startedMs);
    else if (reply.problem.httpStatus === 0) this.#pulse.now();
    else this.store.set({ jobsProblem: reply.problem });
  }

  /** A list that lacks what the stream has told was read too early: the next beat reads it again. */
  #takeJobs(listed: readonly Job[], startedMs: number): void {
    this.#unrecorded = unrecordedIn(this.#unrecorded, listed, { startedMs, nowMs: Date.now() });
    if (this.#unrecorded.size > 0) this.#due.jobs = 0;
    const jobs = jobsWith(this.#unrecorded, listed);
    // Podium's word for a plan comes with its status only.
    if (newestPlanStep(jobs) !== newestPlanStep(this.store.state.jobs)) this.#due.status = 0;
    this.store.set({ jobs, jobsAt: new Date().toISOString(), jobsProblem: undefined });
    this.commander.doubts.learn(jobs);
  }

  /** What Podium said about the jobs while nobody was looking. */
  async #readHeard(): Promise<void> {
    const request = apiRequest("get", "/api/orchestrator/audit", { query: { event: "job", limit: jobsListed } });
    const reply = await this.requests.send(request, { timeoutMs: readMs });
    if (reply.ok) this.store.set({ heard: heardFrom(reply.body, this.store.state.heard) });
  }

  async #readServices(): Promise<void> {
    const reply = await this.requests.send(apiRequest("get", "/api/services"), { timeoutMs: readMs });
    if (!reply.ok) {
      if (reply.problem.httpStatus !== 0) this.store.set({ servicesProblem: reply.problem });
      return;
    }
    const services = readServices(reply.body);
    this.store.set({ services, servicesProblem: undefined });
    const { facts } = this.store.state;
    const podium = podiumIn(services);
    this.store.facts(factsAfterHealth(facts, podium?.health ?? "unknown", podium?.checkedAt ?? ""));
    if (this.store.state.facts.podium !== facts.podium) this.#due.status = 0;
  }

  #take(frame: StreamFrame): void {
    if (this.#frames.push(frame) > 1) return;
    setTimeout(() => this.#flush(), burstMs);
  }

  #flush(): void {
    const frames = this.#frames;
    this.#frames = [];
    const { state } = this.store;
    let told = { facts: state.facts, work: state.work, jobs: state.jobs, heard: state.heard };
    for (const frame of frames) told = afterFrame(told, frame);
    this.#setWork(told.work);
    this.store.set({ ...told, ...spokenOf(frames) });
    if (told.work !== state.work) this.#workTold();
    this.#unrecorded = unrecordedAfter(this.#unrecorded, frames, Date.now());
    this.#news += frames.length;
    const wasAway = state.facts.upstream !== "connected" && told.facts.upstream === "connected";
    // Since when it is halted stands in Podium's status only.
    const isAnother = told.work.state !== state.work.state;
    if (wasAway || isAnother || frames.some(({ type }) => type === "STORY_STATUS")) this.#soon();
  }

  #setWork(work: Work): void {
    if (isHalted(work) && !isHalted(this.store.state.work)) this.commander.haltHeard();
    this.store.set({ work });
  }

  /** What is shown is from now, unless it never was read whole. */
  #workTold(): void {
    const { work, workAt } = this.store.state;
    if (workAt !== "") this.store.set({ workAt: new Date().toISOString() });
    this.#sample(work.queue.length, Date.now());
  }

  async #opened(): Promise<void> {
    this.store.facts({ stream: "open", catchingUp: true, behind: false });
    this.#pulse.now();
    // A session that another one has followed ended the stream before this one.
    await Promise.all([this.login.read(), this.#readStatus(), this.#readJobs(), this.#readHeard()]);
    this.store.facts({ catchingUp: false });
  }

  #closed(): void {
    this.store.facts({ stream: "closed" });
    this.#pulse.now();
  }

  /** roxy-core answers again. */
  #returned(): void {
    this.#stream.connect();
    this.readAnew();
    this.audit.gatewayReturned();
  }

  /** The first reads are in, or too slow to wait for: everything is drawn at once, so that nothing jumps. */
  async #firstReads(): Promise<void> {
    const patience = new Promise((resolve) => setTimeout(resolve, firstReadsMs));
    const reads = [this.login.read(), this.#readReady(), this.#readStatus(), this.#readJobs(), this.#readHeard()];
    await Promise.race([patience, Promise.all(reads)]);
    this.store.set({ ready: true });
  }

  #soon(): void {
    setTimeout(() => this.readAnew(), recordedMs);
  }

  #sample(depth: number, atMs: number): void {
    const { samples, work } = this.store.state;
    // A queue that Podium never names has no depth, not even zero.
    if (!work.known.has("queue")) return;
    const after = samplesAfter(samples, { atMs, depth });
    if (after === samples) return;
    this.store.set({ samples: after });
    saveSamples(after);
  }
}

function isOtherVersion({ version }: Fields, { version: before }: Fields): boolean {
  return before !== undefined && version !== undefined && version !== before;
}

function newestPlanStep(jobs: readonly Job[]): string {
  const job = jobs.find(({ planId }) => planId !== undefined);
  return job ? `${job.jobId} ${job.status}` : "";
}
