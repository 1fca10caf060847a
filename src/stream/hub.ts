import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import { utf8Bytes } from "../lib/utf8.ts";
import { readFrame } from "../wire/podium.ts";

/** One frame as it goes out. `text` is Podium's own bytes, or ours for the types that are ours. */
export interface StreamEvent {
  /** Position in the stream, from 1, without holes; 0 for what is not part of the sequence. */
  readonly seq: number;
  /** A frame of ours, for every client whatever it asked for. */
  readonly own?: true;
  /** Of our own frames: the position that a client has reached when it sees them; a transport may say it as a cursor. */
  readonly position?: number;
  /** After it nothing more comes to this client: the stream of a job ends with it. */
  readonly isLast?: true;
  readonly at: string;
  readonly type: string;
  readonly text: string;
  readonly storyId?: string;
  readonly planId?: string;
  readonly status?: string;
}

export type Subscriber = (event: StreamEvent) => void;

export interface HubOptions {
  readonly clock: Clock;
  /** Types of Podium's frames that are passed on. */
  readonly types: readonly string[];
  /** Frames kept for resuming clients. */
  readonly history: number;
  /** Told of each frame that can't be read. */
  readonly onGarbage?: () => void;
}

/** History in bytes: frames are at most 1 MiB, so a count alone would not bound memory. */
const historyBytesMax = 16 * 1024 * 1024;

/** `<epoch>:<seq>`; what a client has heard last of a job that has ended says so, to every later life of ours, too. */
const cursorForm = /^([0-9a-f]{16}):(\d{1,16})(:end)?$/;

/** Whether whoever has this cursor has heard how the job ended. */
export function hasHeardEnd(cursor: string): boolean {
  return cursorForm.exec(cursor)?.[3] !== undefined;
}

/** Names the life of one process's sequence: a cursor of another epoch can't be honoured. */
function newEpoch(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Numbers each wanted frame once, keeps a bounded history and hands the same bytes to every subscriber.
 * Everything is synchronous: between a look at the history and a subscription no frame can slip through.
 */
export class Hub {
  readonly epoch = newEpoch();
  readonly #options: HubOptions;
  #types: ReadonlySet<string>;
  readonly #subscribers = new Set<Subscriber>();
  #history: StreamEvent[] = [];
  #historyBytes = 0;
  #seq = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#types = new Set(options.types);
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  get seq(): number {
    return this.#seq;
  }

  /** The cursor before the oldest frame that is kept: whoever resumes here gets all that there is. */
  get oldestCursor(): string {
    return `${this.epoch}:${this.#seq - this.#history.length}`;
  }

  /** From now on these types are passed on; what has been numbered keeps its number. */
  passOn(types: readonly string[]): void {
    this.#types = new Set(types);
  }

  passesOn(type: string): boolean {
    return this.#types.has(type);
  }

  /**
   * Takes a frame from Podium and passes it on when its type is wanted. Returns it in either case: what becomes of jobs is
   * told by frames that clients may not want to see. Undefined when it can't be read.
   */
  publish(text: string): StreamEvent | undefined {
    const frame = readFrame(text);
    if (!frame) {
      this.#options.onGarbage?.();
      return undefined;
    }
    const isWanted = this.passesOn(frame.type);
    const at = timestampOf(this.#options.clock.now());
    const event: StreamEvent = { seq: isWanted ? ++this.#seq : 0, at, text, ...frame };
    if (!isWanted) return event;
    this.#keep(event);
    for (const subscriber of this.#subscribers) subscriber(event);
    return event;
  }

  /** Sends a frame of our own (GATEWAY_STATUS, GAP) to everybody, outside the sequence. */
  announce(type: string, fields: Readonly<Record<string, unknown>>): StreamEvent {
    return this.tell({ ...this.own(type, fields), position: this.#seq });
  }

  /**
   * A frame of our own that is part of the sequence, so that a client which resumes across it hears it too: what happened
   * at this place of the stream is that something may be missing.
   */
  gap(fields: Readonly<Record<string, unknown>>): StreamEvent {
    const event = { ...this.own("GAP", fields), seq: ++this.#seq };
    this.#keep(event);
    return this.tell(event);
  }

  /** Hands a frame of our own to everybody. */
  tell(event: StreamEvent): StreamEvent {
    for (const subscriber of this.#subscribers) subscriber(event);
    return event;
  }

  /** Makes a frame of our own without sending it. */
  own(type: string, fields: Readonly<Record<string, unknown>>): StreamEvent {
    const at = timestampOf(this.#options.clock.now());
    return { seq: 0, own: true, at, type, text: JSON.stringify({ type, ...fields, timestamp: at }) };
  }

  /** Of the frames in the history that fit, the newest about each story, oldest first. */
  newest(fits: (event: StreamEvent) => boolean): StreamEvent[] {
    const found = new Map<string, StreamEvent>();
    for (const event of this.#history) {
      if (!fits(event)) continue;
      const story = event.storyId ?? "";
      found.delete(story);
      found.set(story, event);
    }
    return [...found.values()];
  }

  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /**
   * The position that a cursor names.
   * Undefined when it can't be honoured: another epoch, a future position, or history that has been dropped.
   */
  positionOf(cursor: string): number | undefined {
    const match = cursorForm.exec(cursor);
    if (!match || match[1] !== this.epoch) return undefined;
    const seq = Number(match[2]);
    return seq > this.#seq || this.after(seq) === "forgotten" ? undefined : seq;
  }

  /** The frame after a position; undefined at the end. */
  after(seq: number): StreamEvent | undefined | "forgotten" {
    const index = seq - (this.#seq - this.#history.length);
    return index < 0 ? "forgotten" : this.#history[index];
  }

  #keep(event: StreamEvent): void {
    this.#history.push(event);
    this.#historyBytes += utf8Bytes(event.text);
    // Cut in one go when a quarter is too much: cutting one by one would move the array for each frame.
    const { history } = this.#options;
    let drop = 0;
    let bytes = this.#historyBytes;
    if (this.#history.length > history + (history >> 2)) drop = this.#history.length - history;
    for (let i = 0; i < drop; i++) bytes -= utf8Bytes(this.#history[i]!.text);
    while (bytes > historyBytesMax && drop < this.#history.length) bytes -= utf8Bytes(this.#history[drop++]!.text);
    if (drop === 0) return;
    this.#history = this.#history.slice(drop);
    this.#historyBytes = bytes;
  }
}
