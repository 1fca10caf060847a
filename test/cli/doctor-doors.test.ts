import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { runtime } from "#runtime";
import { doorFindings } from "../../src/cli/doctor-doors.ts";
import type { Config } from "../../src/config/schema.ts";
import { newRoot } from "./stage.ts";

const root = newRoot();
const folder = path.join(root, "door");
const socket = path.join(folder, "s.sock");
const tokens = path.join(root, "tokens");
const config = { auth: { token_file: tokens }, listen: { socket } } as Config;
const states = (): string[] => doorFindings(runtime, config).map(({ check, state }) => `${check} ${state}`);
const details = (): string[] =>
  doorFindings(runtime, config).flatMap(({ state, detail }) => (state === "problem" ? [detail] : []));

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("without a file or a socket there is nothing to look at", () => {
  expect(doorFindings(runtime, { auth: {}, listen: {} } as Config)).toEqual([]);
});

test("a token file is read as the start reads it", () => {
  writeFileSync(tokens, "", { mode: 0o600 });
  expect(details()).toEqual([`The gateway does not start with ${tokens} (auth.token_file): it is empty`]);
  writeFileSync(tokens, "a-bare-token-of-its-own");
  expect(states()).toEqual(["token file ok", "socket ok"]);
});

test("a socket's folder and place are looked at, and nothing is made or taken away", async () => {
  writeFileSync(tokens, "a-bare-token-of-its-own", { mode: 0o600 });
  mkdirSync(folder, { mode: 0o700 });
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  expect(states()).toEqual(["token file ok", "socket ok"]);
  await new Promise((resolve) => server.close(resolve));
  expect(runtime.files.list(folder)).toEqual([]);
  writeFileSync(socket, "");
  const cannot = `Cannot listen on ${socket} (listen.socket): `;
  expect(details()).toEqual([`${cannot}there is a file already, which is not ours to take away`]);
  rmSync(socket);
  chmodSync(folder, 0o777);
  expect(details()).toEqual([`${cannot}other users may write ${folder}: chmod 700 it`]);
});
