import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { claimSocket } from "../../src/cli/socket-file.ts";
import { runtime } from "#runtime";

const base = mkdtempSync(path.join(tmpdir(), "roxy-socket-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
let folder: string;
let socket: string;
let count = 0;
beforeEach(() => {
  folder = path.join(base, String(++count));
  mkdirSync(folder, { mode: 0o700 });
  socket = path.join(folder, "s.sock");
});

const listening = (): Promise<net.Server> =>
  new Promise((resolve) => {
    const server = net.createServer((one) => void one.end());
    server.listen(socket, () => resolve(server));
  });

/** A socket that nobody listens on any more, as a killed process leaves it. */
async function leaveDead(): Promise<void> {
  const { exited } = Bun.spawn([
    process.execPath,
    "-e",
    `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`,
  ]);
  await exited;
  expect(lstatSync(socket).isSocket()).toBe(true);
}

const refusal = (): Promise<string> =>
  claimSocket(runtime, socket).then(
    () => "claimed",
    (error: Error) => error.message,
  );

describe("listen.socket", () => {
  test("its folder is made for this user alone", async () => {
    socket = path.join(folder, "a/b/s.sock");
    (await claimSocket(runtime, socket)).release();
    expect(lstatSync(path.dirname(socket)).mode & 0o777).toBe(0o700);
  });

  test("a dead socket of ours is taken away", async () => {
    await leaveDead();
    (await claimSocket(runtime, socket)).release();
    expect(existsSync(socket)).toBe(false);
  });

  test("a living one is not, whoever listens, answers HTTP or not", async () => {
    const server = await listening();
    expect(await refusal()).toContain("another program listens there");
    expect(lstatSync(socket).isSocket()).toBe(true);
    server.close();
  });

  test("nor is one that another gateway has claimed, dead or not yet bound", async () => {
    const first = await claimSocket(runtime, socket);
    await leaveDead();
    expect(await refusal()).toContain("another roxy-core process");
    expect(existsSync(socket)).toBe(true);
    first.release();
  });

  test.each([
    ["a file", () => writeFileSync(socket, "precious")],
    ["a folder", () => mkdirSync(socket)],
    ["a link to a file", () => (writeFileSync(`${socket}.real`, "precious"), symlinkSync(`${socket}.real`, socket))],
    ["a link to nothing", () => symlinkSync("/nowhere", socket)],
    ["a pipe", () => void Bun.spawnSync(["mkfifo", socket])],
  ])("%s in its place stays, and ends the start", async (_name, make) => {
    make();
    const before = lstatSync(socket);
    expect(await refusal()).toContain("not ours to take away");
    expect(lstatSync(socket)).toMatchObject({ ino: before.ino, size: before.size });
    if (existsSync(`${socket}.real`)) expect(readFileSync(`${socket}.real`, "utf8")).toBe("precious");
  });

  test("a link to a dead socket is not followed", async () => {
    const link = path.join(folder, "link.sock");
    await leaveDead();
    symlinkSync(socket, link);
    const [real] = [socket, (socket = link)];
    expect(await refusal()).toContain("not ours to take away");
    expect([lstatSync(link).isSymbolicLink(), lstatSync(real).isSocket()]).toEqual([true, true]);
  });

  test("a folder that others may write, or that is a link, is refused", async () => {
    chmodSync(folder, 0o777);
    expect(await refusal()).toContain("other users may write");
    chmodSync(folder, 0o700);
    symlinkSync(folder, `${folder}-link`);
    socket = `${folder}-link/s.sock`;
    expect(await refusal()).toContain("symbolic link");
  });

  test("a folder of somebody else is refused", async () => {
    const files = { ...runtime.files, user: () => runtime.files.user() + 1 };
    const owner = `belongs to user ${runtime.files.user()}`;
    const refused = await claimSocket({ ...runtime, files }, socket).catch((error: Error) => error.message);
    expect(refused).toContain(owner);
  });

  test("what was bound there in our name and is not private is noticed", async () => {
    const claim = await claimSocket(runtime, socket);
    expect(() => claim.check()).toThrow("not a private socket");
    const server = await listening();
    chmodSync(socket, 0o666);
    expect(() => claim.check()).toThrow("not a private socket");
    chmodSync(socket, 0o600);
    claim.check();
    server.close();
    claim.release();
  });
});
