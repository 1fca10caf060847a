import { expect, jest } from "bun:test";
import fs from "node:fs";
import type { Dispatched } from "../../src/dispatch/replay.ts";
import { Problem } from "../../src/lib/errors.ts";
import type { Bounds } from "../../src/cli/projections.ts";
import type { JobArchive } from "../../src/jobs/archive.ts";
import type { Job } from "../../src/jobs/job.ts";
import { followTelemetry } from "../../src/jobs/follow.ts";
import type { Action, Command } from "../../src/wire/dispatch.ts";
import { isExecuting, isLimited, subjectOf } from "../../src/wire/dispatch.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import type { Desk } from "./desk.ts";
import { ask, incoming, newFolder, openDesk, quiet, recordsIn, terminalStatuses } from "./desk.ts";
import type { Fault } from "./model-podium.ts";
import { ModelPodium, storiesOfPlan } from "./model-podium.ts";
import { MortalFiles } from "./mortal-files.ts";
import { reconnect } from "./telemetry.ts";
import { askedSince, statusSource } from "../../src/podium/status.ts";
import { defaultRoutes } from "../../src/wire/podium.ts";

const cooldownMs = 5_000;
export const keyLifeMs = 24 * 60 * 60 * 1000;

const passesTheLine = (action: Action): boolean => action === "halt" || action === "status";

export interface Live {
  readonly command: Command;
  readonly key: string | undefined;
  readonly hangUp: AbortController;
  answer: Dispatched | Problem | undefined;
}

/** What a configuration may say, and stores small enough to be full. */
export interface Setup {
  readonly maxInFlight: number;
  readonly queueLimit: number;
  readonly bounds?: Bounds;
}

/** The gateway under test, Podium, time, and everything that callers were told. */
export class World {
  readonly setup: Setup;
  readonly podium = new ModelPodium();
  readonly dir = newFolder();
  clock = new FakeClock();
  mortal = new MortalFiles();
  desk!: Desk;
  /** Requests whose process still lives and that have no answer yet. */
  live: Live[] = [];
  readonly told: Live[] = [];
  /** Audit ids that a halt found waiting: they must never arrive. */
  readonly #halted = new Set<string>();
  readonly #births = new Map<string, number>();
  #reads = 0;

  constructor(setup: Setup) {
    this.setup = setup;
  }

  async open(): Promise<void> {
    const mortal = new MortalFiles();
    this.mortal = mortal;
    const { clock, dir, setup } = this;
    this.desk = await openDesk({ clock, dir, files: mortal.files, dispatchPerMinute: 8, ...setup });
    this.#watchHalts();
    // The death of the process is Podium's end of the line too.
    const podium = this.podium.client(() => !mortal.dead);
    const podiumStatus = askedSince(statusSource(podium, this.desk.deps, defaultRoutes.status));
    const archive = { find: this.#find.bind(this, this.desk.deps.archive) };
    Object.assign(this.desk.deps, { podium, podiumStatus, archive });
  }

  /** Reads of the log's files take their time, which no fake clock makes pass. */
  async #find(archive: Pick<JobArchive, "find">, jobId: string): Promise<Job | undefined> {
    this.#reads++;
    try {
      return await archive.find(jobId);
    } finally {
      this.#reads--;
    }
  }

  start(command: Command, key: string | undefined): Live {
    const live: Live = { command, key, hangUp: new AbortController(), answer: undefined };
    this.live.push(live);
    const { mortal } = this;
    void ask(this.desk, incoming(command, key, live.hangUp.signal)).then((answer) => {
      // The dead tell nobody.
      if (!mortal.dead) live.answer = answer;
    });
    return live;
  }

  /** Notes what has an intent but has not begun to be sent when a halt comes. */
  #watchHalts(): void {
    const { lane, jobs } = this.desk;
    const halt = lane.halt.bind(lane);
    lane.halt = () => {
      const begun = new Set(this.podium.arrivals.map(({ auditId }) => auditId));
      for (const { arrival } of this.podium.waiting) if (arrival) begun.add(arrival.auditId);
      for (const { audit_id, action } of jobs.withoutOutcome()) {
        if (passesTheLine(action) || begun.has(audit_id)) continue;
        this.#halted.add(audit_id);
      }
      halt();
    };
  }

  /** Podium's own frames, as the telemetry socket brings them: this many, if there are. */
  hear(count: number): void {
    const { jobWatch: watch, log } = this.desk;
    const follow = followTelemetry({ watch, terminalStatuses, redact: String, append: (draft) => log.append(draft) });
    for (let i = 0; i < count; i++) {
      const frame = this.podium.nextFrame();
      if (!frame) return;
      follow({ seq: 0, at: "", type: "STORY_STATUS", text: JSON.stringify(frame), ...frame });
    }
  }

  /** The telemetry socket was away, and is back. */
  async reconnect(): Promise<void> {
    void (await reconnect(this.desk, this.podium.hole()));
  }

  /** Lets everything happen that can; then looks whether all promises still hold. */
  async settle(): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      do await quiet();
      while (this.#reads > 0);
      if (this.podium.refusing.size > 0) jest.advanceTimersByTime(600);
    }
    if (this.mortal.dead) await this.restart("crash", "lost", 0);
    for (const live of this.live) if (live.answer) this.told.push(live);
    this.live = this.live.filter(({ answer }) => !answer);
    this.check();
  }

  pass(ms: number): void {
    this.clock.pass(ms);
    this.podium.pass(ms);
  }

  step(ms: number): void {
    this.clock.step(ms);
  }

  async restart(how: "crash" | "close", orphans: Fault, downMs: number): Promise<void> {
    if (how === "close" && !this.mortal.dead) {
      await Promise.race([this.desk.close(), this.mortal.death]);
      await quiet();
      for (const live of this.live) if (live.answer) this.told.push(live);
    }
    this.mortal.kill();
    this.live = [];
    this.podium.orphan(orphans);
    this.pass(downMs);
    this.clock = this.clock.rebirth();
    await this.open();
  }

  /** Whether the key of this job may stand for something new, by the running time since its intent. */
  isForgotten(jobId: string | undefined): boolean {
    return jobId !== undefined && this.desk.deps.clock.monotonic() - this.#bornAt(jobId) >= keyLifeMs;
  }

  /** Running time of an intent, by its audit id or job id. What anybody heard of stands in the log. */
  #bornAt(id: string): number {
    if (!this.#births.has(id)) {
      for (const { event, audit_id, job_id, uptime_ms } of recordsIn(this.dir)) {
        if (event === "intent") this.#births.set(audit_id!, uptime_ms!).set(job_id!, uptime_ms!);
      }
    }
    return this.#births.get(id)!;
  }

  check(): void {
    this.#checkKeys();
    // A memory for one doubt may forget another.
    if (this.setup.bounds?.jobs === undefined) expect(this.podium.tooEarly).toEqual([]);
    const inLine = this.podium.waiting.filter(({ arrival }) => arrival && !passesTheLine(arrival.action));
    expect(inLine.length).toBeLessThanOrEqual(this.setup.maxInFlight);
    for (const { auditId } of this.podium.arrivals) expect(this.#halted.has(auditId)).toBe(false);
    this.#checkCooldowns();
    this.#checkVerdicts();
  }

  /** What ran under one key began a key's whole life apart. */
  #checkKeys(): void {
    const last = new Map<string, number>();
    for (const { key, action, auditId } of this.podium.executions) {
      if (key === undefined || !isExecuting(action)) continue;
      const bornAt = this.#bornAt(auditId);
      expect(bornAt - (last.get(key) ?? -Infinity), `executions under ${key}`).toBeGreaterThanOrEqual(keyLifeMs);
      last.set(key, bornAt);
    }
  }

  #checkCooldowns(): void {
    const last = new Map<string, (typeof this.podium.arrivals)[number]>();
    for (const arrival of this.podium.arrivals) {
      if (!isLimited(arrival.action)) continue;
      const before = last.get(arrival.subject);
      last.set(arrival.subject, arrival);
      if (before) expect(arrival.at - before.at, arrival.subject).toBeGreaterThanOrEqual(cooldownMs);
    }
  }

  #checkVerdicts(): void {
    const executed = new Set(this.podium.executions.map(({ auditId }) => auditId));
    for (const { answer, command } of this.told) {
      if (!answer || (!(answer instanceof Problem) && command.action === "status")) continue;
      if (!(answer instanceof Problem)) {
        const { audit_id, job_id } = answer.job;
        const isTrue = executed.has(audit_id) || this.#ranBeyondMemory(subjectOf(command));
        expect(isTrue, `${job_id} was executed`).toBe(true);
        continue;
      }
      // A cooldown may name the earlier dispatch that stands in the way; its verdict is about this one.
      if (answer.retry === "same-key" || answer.code === "story_cooldown") continue;
      expect(executed.has(answer.extras.audit_id ?? ""), `${answer.code} ${answer.retry} was executed`).toBe(false);
    }
  }

  /** Whether what runs may have been started by a dispatch that is remembered no more: "it runs" is then taken for a later one's. */
  #ranBeyondMemory(subject: string): boolean {
    const isOfPlan = ({ story }: { story: string | undefined }): boolean =>
      subject.startsWith("enqueue_plan ") && storiesOfPlan.has(story ?? "");
    const began = this.podium.executions.filter((one) => one.subject === subject || isOfPlan(one));
    if (this.setup.bounds?.jobs !== undefined) return began.length > 0;
    return began.some(({ auditId }) => this.desk.deps.clock.monotonic() - this.#bornAt(auditId) >= keyLifeMs);
  }

  /** Lets everything that is on its way come to its end. */
  async drain(fault: Fault): Promise<void> {
    // Some are still waiting for the disk when nobody waits for Podium.
    for (let i = 0; (this.podium.waiting.length > 0 || this.live.length > 0) && i < 1000; i++) {
      if (this.podium.waiting.length > 0) this.podium.answer(fault, 0, 0);
      await this.settle();
    }
    expect(this.live).toEqual([]);
  }

  /** Closes when all has come to its end, and reads the log as an auditor would. */
  async finish(): Promise<void> {
    await this.drain("yes");
    this.pass(60_000);
    this.check();
    await this.restart("close", "lost", 0);
    await this.desk.close();
    this.#checkLog();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  #checkLog(): void {
    const records = recordsIn(this.dir);
    const intents = records.filter(({ event }) => event === "intent").map(({ audit_id }) => audit_id!);
    const ends = records
      .filter(({ event }) => event === "outcome" || event === "unknown")
      .map(({ audit_id }) => audit_id!);
    expect(new Set(intents).size).toBe(intents.length);
    expect(ends.toSorted()).toEqual(intents.toSorted());
    const jobIds = records.filter(({ event }) => event === "intent").map(({ job_id }) => job_id);
    expect(new Set(jobIds).size).toBe(jobIds.length);
    for (const { answer } of this.told) {
      const auditId = answer instanceof Problem ? answer.extras.audit_id : answer?.job.audit_id;
      if (auditId !== undefined) expect(intents).toContain(auditId);
    }
    for (const { auditId } of this.podium.arrivals) expect(intents).toContain(auditId);
    if (this.setup.maxInFlight === 1) this.#checkOrder(intents);
  }

  /** One at a time means in the order of arrival, too. */
  #checkOrder(intents: readonly string[]): void {
    const inLine = this.podium.arrivals.filter(({ action }) => !passesTheLine(action));
    const order = inLine.map(({ auditId }) => intents.indexOf(auditId));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
}
