import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { eventually } from "../e2e/watch.ts";
import { launchers } from "./driver.ts";

const lineBytes = 100;

/** The driver with a pipe for its standard error that is read when a test wants it. */
class Unread {
  readonly #folder = fs.mkdtempSync(path.join(tmpdir(), "roxy-core-unread-"));
  readonly #reader: number;
  readonly #child;
  #said = "";
  readonly ended: Promise<number | null>;

  constructor(how = "") {
    const pipe = path.join(this.#folder, "stderr");
    spawnSync("mkfifo", [pipe]);
    this.#reader = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const writer = fs.openSync(pipe, "w");
    const [program, ...args] = [...launchers.bun, path.join(import.meta.dir, "unread-driver.ts"), how];
    this.#child = spawn(program, args, { cwd: path.join(import.meta.dir, "../.."), stdio: ["ignore", "pipe", writer] });
    fs.closeSync(writer);
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    this.ended = new Promise((resolve) => this.#child.on("close", resolve));
  }

  /** Lines that were taken before it heard that enough waits. */
  lines(): Promise<number> {
    return eventually(() => Number(/"lines":(\d+)/.exec(this.#said)?.[1] ?? Number.NaN) || undefined, "its lines");
  }

  /** What waits in the pipe. */
  read(): string {
    const buffer = Buffer.alloc(65_536);
    try {
      return buffer.toString("latin1", 0, fs.readSync(this.#reader, buffer));
    } catch {
      return "";
    }
  }

  signal(signal: "SIGTERM" | "SIGHUP"): void {
    this.#child.kill(signal);
  }

  takesMore(): boolean {
    return this.#said.includes('"taken":true');
  }

  stop(): void {
    this.#child.kill("SIGKILL");
    fs.closeSync(this.#reader);
    fs.rmSync(this.#folder, { recursive: true });
  }
}

// Deno's writes wait for the reader, and everything with them.
describe("standard error that nobody reads, on Bun", () => {
  let unread: Unread;
  beforeEach(() => {
    unread = new Unread();
  });
  afterEach(() => unread.stop());

  test("puts the end off by a second and no more, and the exit code is the real one", async () => {
    await unread.lines();
    unread.signal("SIGTERM");
    expect(await unread.ended).toBe(3);
  });

  test("puts no end off that a fault has brought, either", async () => {
    const faulty = new Unread("fault");
    try {
      expect(await faulty.ended).toBe(4);
    } finally {
      faulty.stop();
    }
  });

  test("costs a bounded part of the memory; once it is read, nothing that was taken is missing", async () => {
    const bytes = (await unread.lines()) * lineBytes;
    expect(bytes).toBeWithin(1_048_576, 2 * 1_048_576);
    let read = "";
    await eventually(() => {
      read += unread.read();
      return read.length >= bytes || undefined;
    }, "what was taken");
    expect(read.length).toBe(bytes);
    await eventually(() => {
      unread.signal("SIGHUP");
      return unread.takesMore() || undefined;
    }, "more to be taken");
  });
});
