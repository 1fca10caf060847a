import { expect, jest } from "bun:test";
import fs from "node:fs";
import type { Dispatched } from "../../src/dispatch/replay.ts";
import { Problem } from "../../src/lib/errors.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import type { Desk } from "./desk.ts";
import { ask, incoming, newFolder, openDesk, quiet, recordsIn } from "./desk.ts";
import type { Fault } from "./model-podium.ts";
import { ModelPodium } from "./model-podium.ts";
import { MortalFiles } from "./mortal-files.ts";
import { statusSource } from "../../src/podium/status.ts";
import { defaultRoutes } from "../../src/wire/podium.ts";

const cooldownMs = 5_000;

export interface Live {
  readonly command: Command;
  readonly key: string | undefined;
  readonly hangUp: AbortController;
  answer: Dispatched | Problem | undefined;
}

/** The gateway under test, Podium, time, and everything that callers were told. */
export class World {
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

  async open(): Promise<void> {
    const mortal = new MortalFiles();
    this.mortal = mortal;
    this.desk = await openDesk({ clock: this.clock, dir: this.dir, files: mortal.files, dispatchPerMinute: 8 });
    // The death of the process is Podium's end of the line too.
    const podium = this.podium.client(() => !mortal.dead);
    const podiumStatus = statusSource(podium, this.desk.deps, defaultRoutes.status);
    Object.assign(this.desk.deps, { podium, podiumStatus });
  }

  start(command: Command, key: string | undefined): Live {
    const live: Live = { command, key, hangUp: new AbortController(), answer: undefined };
    this.live.push(live);
    if (command.action === "halt") this.#noteHalt();
    const { mortal } = this;
    void ask(this.desk, incoming(command, key, live.hangUp.signal)).then((answer) => {
      // The dead tell nobody.
      if (!mortal.dead) live.answer = answer;
    });
    return live;
  }

  /** What has an intent but has not begun to be sent when the halt comes. */
  #noteHalt(): void {
    const sending = new Set(this.podium.waiting.map(({ arrival }) => arrival?.auditId));
    for (const { audit_id } of this.desk.jobs.withoutOutcome()) if (!sending.has(audit_id)) this.#halted.add(audit_id);
  }

  /** Lets everything happen that can; then looks whether all promises still hold. */
  async settle(): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      await quiet();
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

  check(): void {
    const keyed = this.podium.executions.flatMap(({ key }) => key ?? []);
    expect(keyed.length, `executions by key: ${keyed.join(" ")}`).toBe(new Set(keyed).size);
    expect(this.podium.waiting.filter(({ arrival }) => arrival).length).toBeLessThanOrEqual(1);
    for (const { auditId } of this.podium.arrivals) expect(this.#halted.has(auditId)).toBe(false);
    this.#checkCooldowns();
    this.#checkVerdicts();
  }

  #checkCooldowns(): void {
    const last = new Map<string, (typeof this.podium.arrivals)[number]>();
    for (const arrival of this.podium.arrivals) {
      const before = last.get(arrival.story);
      last.set(arrival.story, arrival);
      if (before) expect(arrival.at - before.at, arrival.story).toBeGreaterThanOrEqual(cooldownMs);
    }
  }

  #checkVerdicts(): void {
    const executed = new Set(this.podium.executions.map(({ auditId }) => auditId));
    const stories = new Set(this.podium.executions.map(({ story }) => story));
    for (const { answer, command } of this.told) {
      if (!answer) continue;
      if (!(answer instanceof Problem)) {
        if (command.action === "enqueue_story") expect(stories.has(command.story_id!)).toBe(true);
        continue;
      }
      // A cooldown may name the earlier dispatch that stands in the way; its verdict is about this one.
      if (answer.retry === "same-key" || answer.code === "story_cooldown") continue;
      expect(executed.has(answer.extras.audit_id ?? ""), `${answer.code} ${answer.retry} was executed`).toBe(false);
    }
  }

  /** Lets everything come to its end, closes, and reads the log as an auditor would. */
  async finish(): Promise<void> {
    // Some are still waiting for the disk when nobody waits for Podium.
    for (let i = 0; (this.podium.waiting.length > 0 || this.live.length > 0) && i < 1000; i++) {
      if (this.podium.waiting.length > 0) this.podium.answer("yes", 0);
      await this.settle();
    }
    expect(this.live).toEqual([]);
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
  }
}
