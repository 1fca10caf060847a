import { expect, test } from "bun:test";
import { examineConfig, loadConfig } from "../../src/config/load.ts";
import { lineOf } from "../../src/config/mistakes.ts";
import { defaultFile, withFile } from "./inputs.ts";

const mistakesIn = (listen: object): string[] =>
  examineConfig(withFile(JSON.stringify({ listen }))).mistakes.map(lineOf);

test("a socket's path counts from the file that names it", () => {
  const { config } = loadConfig(withFile('{ "listen": { "socket": "run/s.sock" } }'));
  expect(config.listen).toMatchObject({ socket: "/home/mark/.roxy/run/s.sock", tcp: true });
});

test("no port and no socket is no way in", () => {
  expect(mistakesIn({ tcp: false })).toEqual([
    `${defaultFile}:1:12: listen.tcp: Expected true: without listen.socket nothing else is open`,
  ]);
  expect(mistakesIn({ tcp: false, socket: "s" })).toEqual([]);
});

test("an address that is not listened on needs no tokens", () => {
  expect(mistakesIn({ host: "0.0.0.0", socket: "s" })).toHaveLength(1);
  expect(mistakesIn({ host: "0.0.0.0", socket: "s", tcp: false })).toEqual([]);
});

test("a path that no socket's address has room for is a mistake, as written or once it is absolute", () => {
  expect(mistakesIn({ socket: `/${"s".repeat(103)}` })[0]).toContain("at most 103 bytes");
  expect(mistakesIn({ socket: `/${"s".repeat(102)}` })).toEqual([]);
  expect(mistakesIn({ socket: "s".repeat(102) })[0]).toContain("at most 103 bytes when absolute");
});
