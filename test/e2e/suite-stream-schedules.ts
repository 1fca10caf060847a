import { afterEach, describe, expect, test } from "bun:test";
import type { Feed, Told, Transport } from "./feed.ts";
import { openFeed } from "./feed.ts";
import type { Launcher } from "./launcher.ts";
import type { Scene } from "./scene.ts";
import { useScene } from "./scene.ts";

/** Small, so that a client which was away for a while meets its end. */
const history = 8;
/** The history is cut when a quarter too much is there. */
const historyMost = history + (history >> 2);
const stepsMax = 40;
const followersMax = 5;
/** Each fault makes the next wait for Podium longer: these are seconds of a test. */
const faultsMax = 3;

export function streamSchedulesSuite(launcher: Launcher): void {
  describe("the stream through random schedules", () => {
    const scene = useScene(launcher, { settings: { "stream.history": String(history) } });
    const open: Feed[] = [];
    afterEach(() => {
      for (const feed of open.splice(0)) feed.close();
    });
    // The last one is another each time; the name of the test says which.
    test.each([1, 2, 3, crypto.getRandomValues(new Uint32Array(1))[0]!])(
      "order, no loss, no repetition, and a GAP exactly where one belongs (seed %i)",
      async (seed) => {
        await new Schedule(scene, seed, open).run();
      },
    );
  });
}

/** Mulberry32: the same schedule for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What has a place in the sequence: Podium's frames and the gaps that an outage leaves. */
function isPlaced({ id, event }: Told): boolean {
  return id !== null && (event.type === "QUEUE_UPDATE" || (event.type === "GAP" && event.reason === "upstream"));
}

function placeOf(cursor: string): { epoch: string; seq: number } {
  const [epoch = "", seq] = cursor.split(":");
  return { epoch, seq: Number(seq) };
}

/** The words of a placed event that every client must hear the same. */
function wordsOf({ event }: Told): string {
  return event.type === "GAP" ? "GAP" : String(event.n);
}

/** One client through all its connections. */
class Follower {
  readonly transport: Transport;
  feed: Feed | undefined;
  cursor: string | undefined;

  constructor(transport: Transport) {
    this.transport = transport;
  }
}

/** A gateway's life has one witness that is there from its first frame; everybody else must have heard the same. */
class Schedule {
  readonly #scene: Scene;
  readonly #random: () => number;
  readonly #open: Feed[];
  readonly #followers: Follower[];
  #witness: Feed | undefined;
  #n = 0;
  #faults = 0;
  /** Since the witness came. */
  #faultsWitnessed = 0;
  #sent: number[] = [];

  constructor(scene: Scene, seed: number, open: Feed[]) {
    this.#scene = scene;
    this.#random = randomOf(seed);
    this.#open = open;
    this.#followers = Array.from({ length: followersMax }, (_, i) => new Follower(i % 2 ? "events" : "websocket"));
  }

  async run(): Promise<void> {
    await this.#begin();
    for (let step = 0; step < stepsMax; step++) await this.#step();
    await this.#restart("kill");
    for (let step = 0; step < stepsMax; step++) await this.#step();
    await this.#restart("stop");
    for (const follower of this.#followers) {
      if (!follower.feed && follower.cursor !== undefined) await this.#resume(follower);
    }
    await this.#say(3);
    this.#examine();
  }

  async #step(): Promise<void> {
    const follower = this.#followers[Math.floor(this.#random() * followersMax)]!;
    const choice = this.#random();
    if (choice < 0.4) await this.#say(1 + Math.floor(this.#random() * 5));
    else if (choice < 0.47 && this.#faults < faultsMax) await this.#fault();
    else if (follower.feed) this.#drop(follower);
    else if (follower.cursor === undefined) await this.#join(follower);
    else await this.#resume(follower);
  }

  /** The next life of the gateway, with a witness of its own. */
  async #begin(): Promise<void> {
    await this.#scene.podium.telemetry();
    this.#witness = await this.#connect("websocket");
    await this.#witness.until(({ event }) => event.podium === "connected", "that Podium is connected");
    [this.#faults, this.#faultsWitnessed, this.#sent] = [0, 0, []];
    await this.#say(1);
  }

  async #connect(transport: Transport, since?: string): Promise<Feed> {
    const feed = await openFeed(this.#scene.gateway.baseUrl, transport, since);
    this.#open.push(feed);
    await feed.until(({ event }) => event.type === "GATEWAY_STATUS", "the gateway's first word");
    return feed;
  }

  /** Podium says something, among other things, and everybody who is there has heard the last of it. */
  async #say(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#emit();
    await this.#everybody(this.#n);
  }

  #emit(): void {
    const { podium } = this.#scene;
    for (const noise of ['{"type":"LOG"}', "garbage", `{"type":"QUEUE_UPDATE","n":`]) {
      if (this.#random() < 0.2) podium.emit(noise);
    }
    this.#sent.push(++this.#n);
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", n: this.#n }));
  }

  async #everybody(n: number): Promise<void> {
    const here = [this.#witness!, ...this.#followers.flatMap(({ feed }) => (feed ? [feed] : []))];
    await Promise.all(here.map((feed) => feed.until(({ event }) => event.n === n, `frame ${n}`)));
  }

  /** The connection to Podium is lost, perhaps with frames on their way; it comes back, and everybody is told. */
  async #fault(): Promise<void> {
    this.#faults++;
    const { podium } = this.#scene;
    if (this.#random() < 0.5) this.#emit();
    const socket = await podium.telemetry();
    if (this.#random() < 0.5) socket.text(`{"type":"QUEUE_UPDATE","huge":"${"x".repeat(1_100_000)}"}`);
    else socket.drop();
    const gaps = ++this.#faultsWitnessed;
    await this.#witness!.until(
      () => this.#placed(this.#witness!).filter((told) => wordsOf(told) === "GAP").length >= gaps,
      `gap ${gaps}`,
    );
    await podium.until(({ sockets }) => (sockets.length === 1 ? true : undefined), "one connection at Podium");
    await this.#say(1);
  }

  async #restart(how: "stop" | "kill"): Promise<void> {
    this.#examine();
    for (const follower of this.#followers) if (follower.feed) this.#drop(follower);
    await this.#scene.restart(how);
    await this.#begin();
  }

  async #join(follower: Follower): Promise<void> {
    const from = this.#last();
    const { feed, emitted } = await this.#connectUnderFire(follower);
    const { seq } = placeOf(this.#placed(feed)[0]!.id!);
    expect(seq).toBeGreaterThan(from);
    expect(seq).toBeLessThanOrEqual(from + emitted + 1);
    this.#expectFrom(feed, seq, false);
  }

  /** Podium talks on while a client comes: what it says then comes over the history or live, and nobody knows which. */
  async #connectUnderFire(follower: Follower): Promise<{ feed: Feed; emitted: number }> {
    const emitted = Math.floor(this.#random() * 4);
    const coming = this.#connect(follower.transport, follower.cursor);
    for (let i = 0; i < emitted; i++) {
      this.#emit();
      // One turn of the loop: some of it is said before the client's handshake has left, some after.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const feed = await coming;
    follower.feed = feed;
    await this.#say(1);
    return { feed, emitted };
  }

  async #resume(follower: Follower): Promise<void> {
    const { epoch, seq } = placeOf(follower.cursor!);
    const last = this.#last();
    const missed = last - seq;
    const { feed, emitted } = await this.#connectUnderFire(follower);
    const gap = feed.told.find(({ event }) => event.type === "GAP" && event.reason === "cursor");
    if (epoch !== this.#epoch() || missed > historyMost) expect(gap).toBeDefined();
    else if (missed + emitted <= history) expect(gap).toBeUndefined();
    const from = gap ? placeOf(gap.event.resumeAt) : { epoch, seq };
    if (gap) {
      expect(from.epoch).toBe(this.#epoch());
      expect(from.seq - last).toBeWithin(0, emitted + 1);
    }
    this.#expectFrom(feed, from.seq + 1, gap !== undefined);
  }

  /** A client leaves at any moment: its cursor is the last that it has seen. */
  #drop(follower: Follower): void {
    const placed = this.#placed(follower.feed!);
    follower.cursor = placed.at(-1)?.id ?? follower.cursor;
    this.#expectSameAsWitness(placed);
    follower.feed!.close();
    follower.feed = undefined;
  }

  #expectFrom(feed: Feed, first: number, hasGap: boolean): void {
    const placed = this.#placed(feed);
    expect(placeOf(placed[0]!.id!)).toEqual({ epoch: this.#epoch(), seq: first });
    this.#expectSameAsWitness(placed);
    expect(feed.told.filter(({ event }) => event.reason === "cursor")).toHaveLength(hasGap ? 1 : 0);
  }

  /** Without holes, in order, nothing twice, and at each place the same. */
  #expectSameAsWitness(placed: readonly Told[]): void {
    if (placed.length === 0) return;
    const truth = new Map(this.#placed(this.#witness!).map((told) => [told.id!, wordsOf(told)]));
    const first = placeOf(placed[0]!.id!).seq;
    expect(placed.map(({ id }) => id)).toEqual(placed.map((_, i) => `${this.#epoch()}:${first + i}`));
    expect(placed.map(wordsOf)).toEqual(placed.map(({ id }) => truth.get(id!)!));
  }

  /** The witness heard what Podium sent: all of it, but for what an outage may have swallowed. */
  #examine(): void {
    const placed = this.#placed(this.#witness!);
    this.#expectSameAsWitness(placed);
    const heard = placed.map(wordsOf);
    expect(heard.filter((word) => word === "GAP")).toHaveLength(this.#faultsWitnessed);
    let at = 0;
    for (const n of this.#sent.map(String)) {
      if (heard[at] === n) at++;
      // Only the frame that was on its way when the connection was lost may be missing, and then a GAP stands there.
      else expect(heard[at]).toBe("GAP");
      while (heard[at] === "GAP") at++;
    }
    expect(at).toBe(heard.length);
    for (const { feed } of this.#followers) if (feed) this.#expectSameAsWitness(this.#placed(feed));
  }

  #placed(feed: Feed): Told[] {
    return feed.told.filter(isPlaced);
  }

  #last(): number {
    return placeOf(this.#placed(this.#witness!).at(-1)?.id ?? ":0").seq;
  }

  #epoch(): string {
    const cursor = this.#placed(this.#witness!)[0]?.id;
    return cursor ? placeOf(cursor).epoch : "";
  }
}
