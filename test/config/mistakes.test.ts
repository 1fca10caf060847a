import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { settings } from "../../src/config/keys.ts";
import { examineConfig, loadConfig, mistakeText } from "../../src/config/load.ts";
import { lineOf } from "../../src/config/mistakes.ts";
import { Fatal } from "../../src/lib/errors.ts";
import { defaultFile, inputOf, withFile } from "./inputs.ts";

/** The mistakes of a file, without the file's own name in front. */
function linesFor(text: string): string[] {
  return examineConfig(withFile(text)).mistakes.map((mistake) => lineOf(mistake).replace(`${defaultFile}:`, ""));
}

function linesForFlag(key: string, value: string, flag?: string): string[] {
  const flags = [{ key, value, ...(flag !== undefined && { flag }) }];
  return examineConfig(inputOf({ flags })).mistakes.map(lineOf);
}

test("a root with a line break is a mistake of whoever named it", () => {
  const detail = "Expected a path without control characters, such as a line break";
  const named = inputOf({ env: { ROXY_ROOT: "/a\nb" } });
  expect(examineConfig(named).mistakes.map(lineOf)).toEqual([`ROXY_ROOT: ${detail}`]);
  expect(examineConfig({ ...inputOf({}), home: "/a\nb" }).mistakes.map(lineOf)).toEqual([`HOME: ${detail}`]);
});

describe("a mistake in the file", () => {
  test.each([
    [{ listen: { port: "8000" } }, "listen.port: Expected a whole number from 0 to 65535, got text"],
    [{ listen: { port: 65_536 } }, "listen.port: Expected a whole number from 0 to 65535, got 65536"],
    [{ listen: { port: 80.5 } }, "listen.port: Expected a whole number from 0 to 65535, got 80.5"],
    [{ listen: { port: null } }, "listen.port: Expected a whole number from 0 to 65535, got null"],
    [{ listen: { host: "127.0.0.1:8000" } }, "listen.host: Expected an address or host name without a port"],
    [{ listen: { host: true } }, "listen.host: Expected an address or host name without a port, got true"],
    [
      { audit: { retention_days: 30 } },
      "audit.retention_days: Expected a whole number of days from 90 to 36500, got 30",
    ],
    [{ podium: { token_ttl_s: 1 } }, "podium.token_ttl_s: Expected a whole number of seconds from 5 to 3600, got 1"],
    [{ log: { level: "inof" } }, "log.level: Expected debug, info, warn or error (nearest: info)"],
    [{ log: { level: "loud" } }, "log.level: Expected debug, info, warn or error"],
    [{ podium: { url: "127.0.0.1:3847" } }, "podium.url: Expected an http:// or https:// URL"],
    [{ podium: { ws_url: "http://x/ws" } }, "podium.ws_url: Expected a ws:// or wss:// URL"],
    [{ podium: { url: "http://x?a=b" } }, "podium.url: Expected an http:// or https:// URL without '?' or '#'"],
    [{ podium: { url: "http://u:p@x?y" } }, "podium.url: Expected a URL without a user name or password"],
    [{ podium: { ws_url: "ws://x/ws#y" } }, "podium.ws_url: Expected a ws:// or wss:// URL without '#'"],
    [{ stream: { types: "A,B" } }, "stream.types: Expected a list of at most 256 types in brackets, got text"],
    [
      { stream: { types: ["A", 7] } },
      "stream.types[1]: Expected text of 1 to 128 characters in quotes, on one line, got 7",
    ],
    [{ listen: [] }, "listen: Expected an object in braces, got a list"],
    [{ audit: { dir: "a\nb" } }, "audit.dir: Expected a path in quotes"],
    [{ services: [{ name: "x", url: "ftp://x" }] }, "services[0].url: Expected an http:// or https:// URL"],
    [{ services: [{ name: "x" }] }, "services[0].url: Expected an http:// or https:// URL, but it is missing"],
    [
      { podium: { routes: { halt: { path: "/x" } } } },
      "podium.routes.halt.method: Expected GET or POST, but it is missing",
    ],
    [{ podium: { routes: { halt: { method: "POST", path: "x" } } } }, "podium.routes.halt.path: Expected a path"],
    [
      { podium: { routes: { halt: { method: "POST", path: "/x", body: { a: [] } } } } },
      "podium.routes.halt.body.a: Expected text",
    ],
    [{ listen: { prot: 1 } }, "listen.prot: Unknown key (nearest known key: listen.port)"],
    [{ audit: { retentionDays: 100 } }, "audit.retentionDays: Unknown key (nearest known key: audit.retention_days)"],
    [{ port: 1 }, "port: Unknown key (nearest known key: listen.port)"],
    [{ url: 1 }, "url: Unknown key (nearest known key: podium.url)"],
    [{ log: { colour: 1 } }, "log.colour: Unknown key (known here: level, format)"],
    [{ podium: { routes: { halts: {} } } }, "podium.routes.halts: Unknown key (nearest known key: podium.routes.halt)"],
    [
      { services: [{ name: "x", url: "http://x", helth: "/" }] },
      "services[0].helth: Unknown key (nearest known key: services[0].health)",
    ],
  ])("%j is told in plain words", (tree, words) => {
    const lines = linesFor(JSON.stringify(tree));
    expect(lines).toHaveLength(1);
    expect(lines[0]?.replace(/^\d+:\d+: /, "")).toStartWith(words);
  });

  test("stands at the value when the value is wrong, at the key when the key is unknown", () => {
    expect(linesFor('{\n  "listen": {\n    "port":  "x",\n    "prot": 1\n  }\n}')).toEqual([
      "3:14: listen.port: Expected a whole number from 0 to 65535, got text",
      "4:5: listen.prot: Unknown key (nearest known key: listen.port)",
    ]);
  });

  test("stands at the object that lacks a key", () => {
    expect(linesFor('{ "services": [\n  { "name": "x", "url": "http://x" },\n  { "name": "y" }\n] }')).toEqual([
      "3:3: services[1].url: Expected an http:// or https:// URL, but it is missing",
    ]);
  });

  test("is listed with all others, in the order of the file", () => {
    const text = '{\n"zork": 1,\n"log": { "level": 5 },\n"listen": { "port": -1 }\n}';
    expect(linesFor(text).map((line) => line.split(": ").slice(0, 2).join(" "))).toEqual([
      "2:1 zork",
      "3:19 log.level",
      "4:21 listen.port",
    ]);
  });

  test("counts even where a flag would beat it", () => {
    const input = withFile('{ "listen": { "port": "x" } }', { flags: [{ key: "listen.port", value: "1" }] });
    expect(() => loadConfig(input)).toThrow(`${defaultFile}:1:23: listen.port`);
  });

  test("of syntax hides the others, which could not be trusted", () => {
    expect(linesFor('{ "zork": 1 "listen": 2 }')).toEqual(["1:13: Expected ',' or a closing bracket before this"]);
  });

  test("is a key that stands twice", () => {
    expect(linesFor('{\n"log": {},\n"log": {}\n}')).toEqual(["3:1: log: This key stands twice; first at 2:1"]);
  });

  test("is any other value than an object", () => {
    expect(linesFor("[]")).toEqual(["1:1: Expected an object in braces, got a list"]);
    expect(linesFor("null")).toEqual(["1:1: Expected an object in braces, got null"]);
  });

  test("can't forge a line or drive a terminal with its key", () => {
    const [line] = linesFor(JSON.stringify({ "a\n/etc/x:1:1: b\u001b[31m\u202e": 1 }));
    expect(line).toMatch(/^[\x20-\x7e]*$/);
  });

  test("ends the process with exit code 1, and is found for every setting that has a wrong kind of value", () => {
    const wrong = fc.constantFrom<unknown>(null, true, { no: 1 }, [[]], "\n", -1.5);
    fc.assert(
      fc.property(fc.constantFrom(...settings), wrong, ({ path, key, expected }, value) => {
        fc.pre(!(expected === "true or false" && value === true));
        const text = JSON.stringify(path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value));
        const examined = examineConfig(withFile(text));
        expect(examined.loaded).toBeUndefined();
        expect(examined.usage).toBe(false);
        for (const mistake of examined.mistakes) {
          expect(mistake.key).toStartWith(key);
          expect(mistake.where).toMatch(/roxy-core\.jsonc:1:\d+$/);
          expect(mistake.detail).toMatch(/Expected|Unknown key/);
        }
      }),
    );
  });
});

describe("a mistake on the command line", () => {
  test.each([
    ["listen.port", "x", "--port", "--port: listen.port: Expected a whole number from 0 to 65535, got text"],
    ["listen.prot", "1", undefined, "--set listen.prot: listen.prot: Unknown key (nearest known key: listen.port)"],
    ["listne.port", "1", undefined, "--set listne.port: listne: Unknown key (nearest known key: listen)"],
    ["listen", "5", undefined, "--set listen: listen: Expected an object in braces, got 5"],
    ["listen", '{"port":-1}', undefined, "--set listen: listen.port: Expected a whole number from 0 to 65535, got -1"],
    [
      "listen.port.x",
      "1",
      undefined,
      "--set listen.port.x: listen.port: Expected a whole number from 0 to 65535, got an object",
    ],
    [
      "services.0.url",
      "http://x",
      undefined,
      "--set services.0.url: services: Expected a list of at most 32 services (objects with name, url and health) in brackets, got an object",
    ],
    [
      "__proto__.x",
      "1",
      undefined,
      "--set __proto__.x: __proto__: Unknown key (known here: listen, podium, audit, limits, stream, auth, log, services)",
    ],
    [
      "",
      "1",
      undefined,
      '--set : "": Unknown key (known here: listen, podium, audit, limits, stream, auth, log, services)',
    ],
  ])("%s=%s names the flag", (key, value, flag, line) => {
    expect(linesForFlag(key, value, flag)).toEqual([line]);
  });

  test("ends the process with exit code 2", () => {
    const input = inputOf({ flags: [{ key: "listen.port", value: "x" }] });
    expect(fatalOf(() => loadConfig(input)).exitCode).toBe(2);
  });

  test("is reported beside those of the file", () => {
    const input = withFile('{ "log": 1 }', {
      flags: [
        { key: "listen.port", value: "x" },
        { key: "a.b", value: "" },
      ],
    });
    expect(examineConfig(input).mistakes.map(({ key }) => key)).toEqual(["log", "listen.port", "a"]);
  });

  test("of --set __proto__ changes no prototype", () => {
    linesForFlag("__proto__.polluted", "1");
    linesForFlag("podium.routes.halt.body.__proto__.polluted", "1");
    linesForFlag("constructor.prototype.polluted", "1");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe("a mistake in the environment", () => {
  test("names the environment's name, and ends with exit code 1", () => {
    const input = inputOf({ env: { ROXY_PODIUM_BASE_URL: "box:3847", ROXY_PODIUM_WS: "box" } });
    const fatal = fatalOf(() => loadConfig(input));
    expect(fatal.message.split("\n")).toEqual([
      "ROXY_PODIUM_BASE_URL: podium.url: Expected an http:// or https:// URL",
      "ROXY_PODIUM_WS: podium.ws_url: Expected a ws:// or wss:// URL",
    ]);
    expect(fatal.exitCode).toBe(1);
  });
});

describe("listening beyond this machine", () => {
  const files = { "/t": "token" };

  test.each(["0.0.0.0", "::", "192.168.1.2", "box.local", "127.0.0.1.example"])("on %s needs a login", (host) => {
    const text = JSON.stringify({ listen: { host } });
    expect(linesFor(text)[0]).toStartWith("1:12: listen.host: Expected a loopback address");
    expect(linesFor(text)[0]).toContain("auth.token_file");
    const withLogin = withFile(JSON.stringify({ listen: { host }, auth: { token_file: "/t" } }), { files });
    expect(loadConfig(withLogin).config.listen.host).toBe(host);
  });

  test.each(["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])("is not what %s does", (host) => {
    expect(linesFor(JSON.stringify({ listen: { host } }))).toEqual([]);
  });

  test("blames the flag when a flag asked for it", () => {
    expect(linesForFlag("listen.host", "0.0.0.0", "--host")[0]).toStartWith("--host: listen.host: Expected a loopback");
  });
});

describe("mistakeText", () => {
  test("shows fifty and counts the rest", () => {
    const text = JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`zzzzzz${i}`, 1])));
    const lines = mistakeText(examineConfig(withFile(text)).mistakes).split("\n");
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe("… and 10 more");
  });
});

function fatalOf(run: () => unknown): Fatal {
  try {
    run();
  } catch (error) {
    if (error instanceof Fatal) return error;
  }
  throw new Error("Expected a Fatal");
}
