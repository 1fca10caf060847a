import { describe, expect, test } from "bun:test";
import { likelyListen } from "../../src/config/likely-listen.ts";
import { defaultFile, withFile } from "./inputs.ts";

const port = (value: string) => ({ flags: [{ key: "listen.port", value }] });

describe("where a server probably listens whose configuration has mistakes", () => {
  test.each([
    ["another setting is wrong", '{"listen": {"port": 81}, "podium": {"timeout": 1}}', { port: 81 }],
    ["it is where all listen", '{"podium": {"timeout": 1}}', { port: 8000 }],
    ["the file is empty, and the mistake elsewhere", "// nothing yet", { port: 8000 }],
    ["it listens beyond this machine", '{"listen": {"host": "0.0.0.0", "port": 81}, "x": 1}', { host: "0.0.0.0" }],
    ["a relative socket is all", '{"listen": {"tcp": false, "socket": "s"}, "x": 1}', { socket: "/home/mark/.roxy/s" }],
  ])("is known when %s", (_, text, listen) => {
    expect(likelyListen(withFile(text), defaultFile)).toMatchObject({ listen, isGuess: false });
  });

  test.each([
    ["the last brace is missing", '{"listen": {"port": 81}', 81],
    ["more stands after the last brace", '{"listen": {"port": 81}} }', 81],
    ["it stands twice", '{"listen": {"port": 80}, "listen": {"port": 81}}', 81],
    ["its host is wrong", '{"listen": {"port": 81, "host": 5}}', 81],
    ["a key of it is wrong", '{"listen": {"prot": 81}}', 8000],
    ["its name is wrong", '{"listne": {"port": 81}}', 8000],
    ["it is no object", '{"listen": 81}', 8000],
    ["a brace slipped, so that it stands in another section", '{"podium": {"listen": {"port": 81}}}', 8000],
    ["its name has a capital letter", '{"listen": {"port": 80}, "Listen": {"port": 81}}', 80],
    ["the file holds a list", "[]", 8000],
    ["the file holds a number", "5", 8000],
    ["it names no socket, nor a port", '{"listen": {"tcp": false}}', 8000],
    ["nothing can be read", "{,", 8000],
  ])("is a guess, the best there is, when %s", (_, text, guessed) => {
    const { listen, isGuess } = likelyListen(withFile(text), defaultFile);
    expect({ port: listen.port, tcp: listen.tcp, isGuess }).toEqual({ port: guessed, tcp: true, isGuess: true });
  });

  test("the file of tokens is known where it is right", () => {
    const { tokenFile } = likelyListen(withFile('{"auth": {"token_file": "t"}, "x": 1}'), defaultFile);
    expect(tokenFile).toBe("/home/mark/.roxy/t");
    expect(likelyListen(withFile('{"auth": {"token_file": 7}}'), defaultFile).tokenFile).toBeUndefined();
  });

  test("is a guess when the file is no regular one, and none where a flag says the port", () => {
    const input = withFile("");
    const readText = (): never => {
      throw new Error("it is a symbolic link");
    };
    expect(likelyListen({ ...input, readText }, defaultFile)).toMatchObject({ isGuess: true });
    const flagged = likelyListen({ ...withFile("", port("82")), readText }, defaultFile);
    expect(flagged).toMatchObject({ listen: { host: "127.0.0.1", port: 82 }, isGuess: false });
  });
});
