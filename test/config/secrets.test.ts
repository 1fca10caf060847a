import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { examineConfig, loadConfig, mistakeText } from "../../src/config/load.ts";
import { lineOf } from "../../src/config/mistakes.ts";
import type { World } from "./inputs.ts";
import { defaultFile, inputOf, withFile } from "./inputs.ts";

const good = "0123456789abcdef0123456789abcdef";
const withJwtFile = '{ "podium": { "jwt_secret_file": "jwt.secret" } }';
const jwtFile = "/home/mark/.roxy/jwt.secret";

describe("the JWT secret", () => {
  test("comes from the environment first, then the systemd credential, then the named file", () => {
    const option = fc.option(fc.string({ unit: fc.constantFrom("a", "b", "7"), minLength: 32, maxLength: 40 }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(option, option, option, (inEnvironment, inCredential, inFile) => {
        const files = {
          ...(inCredential !== undefined && { "/run/creds/podium_jwt_secret": `${inCredential}\n` }),
          ...(inFile !== undefined && { [jwtFile]: `${inFile}\n` }),
        };
        const env = {
          CREDENTIALS_DIRECTORY: "/run/creds",
          ...(inEnvironment !== undefined && { PODIUM_JWT_SECRET: inEnvironment }),
        };
        const loaded = loadConfig(withFile(inFile === undefined ? "{}" : withJwtFile, { files, env }));
        expect(loaded.secrets.podiumJwtSecret).toBe((inEnvironment ?? inCredential ?? inFile) as string);
        const origin =
          (inEnvironment !== undefined && "PODIUM_JWT_SECRET") ||
          (inCredential !== undefined && "systemd credential podium_jwt_secret") ||
          (inFile !== undefined && `podium.jwt_secret_file ${jwtFile}`) ||
          undefined;
        expect(loaded.secretOrigins.podiumJwtSecret).toBe(origin as string);
        expect(loaded.warnings).toEqual([]);
      }),
    );
  });

  test.each([
    [`${good}\n`, good],
    [`${good}\r\n`, good],
    [`${good}\n\n`, `${good}\n`],
    [` ${good} `, ` ${good} `],
  ])("loses one final newline of its file: %j", (text, secret) => {
    const loaded = loadConfig(withFile(withJwtFile, { files: { [jwtFile]: text } }));
    expect(loaded.secrets.podiumJwtSecret).toBe(secret);
  });

  test("keeps the newline that the environment gives it", () => {
    expect(loadConfig(inputOf({ env: { PODIUM_JWT_SECRET: `${good}\n` } })).secrets.podiumJwtSecret).toBe(`${good}\n`);
  });

  test("counts as not set when it is empty, with a warning, and the next source is asked", () => {
    const world = { files: { [jwtFile]: good }, env: { PODIUM_JWT_SECRET: "" } };
    const loaded = loadConfig(withFile(withJwtFile, world));
    expect(loaded.secrets.podiumJwtSecret).toBe(good);
    expect(loaded.warnings).toEqual(["PODIUM_JWT_SECRET is empty and counts as not set"]);
  });

  test.each([
    ["x".repeat(31), 31],
    ["é".repeat(15), 30],
  ])("is warned about when it has fewer than 32 bytes: %s", (secret, bytes) => {
    const [warning, ...others] = loadConfig(inputOf({ env: { PODIUM_JWT_SECRET: secret } })).warnings;
    expect(others).toEqual([]);
    expect(warning).toContain(`${bytes} bytes`);
    expect(warning).toContain("RFC 7518 section 3.2");
    expect(warning).not.toContain(secret);
  });

  test("counts its length in bytes, not in characters", () => {
    expect(loadConfig(inputOf({ env: { PODIUM_JWT_SECRET: "é".repeat(16) } })).warnings).toEqual([]);
  });

  test("is a mistake when the named file is missing: unsigned requests would be a surprise", () => {
    const [mistake] = examineConfig(withFile(withJwtFile)).mistakes;
    expect(mistake && lineOf(mistake)).toBe(
      `${defaultFile}:1:15: podium.jwt_secret_file: Expected the path of a file that is there`,
    );
  });

  test.each(["", "\n", "\r\n"])("is a mistake when its file is empty: %j", (text) => {
    const detail = "Expected a secret in the file, which is empty; to do without one, name no file";
    const inFile = examineConfig(withFile(withJwtFile, { files: { [jwtFile]: text } })).mistakes;
    expect(inFile.map(lineOf)).toEqual([`${defaultFile}:1:15: podium.jwt_secret_file: ${detail}`]);
    const env = { CREDENTIALS_DIRECTORY: "/run/creds" };
    const inCredential = examineConfig(inputOf({ files: { "/run/creds/podium_jwt_secret": text }, env })).mistakes;
    expect(inCredential.map(lineOf)).toEqual([`systemd credential podium_jwt_secret: ${detail}`]);
  });

  test("is a mistake when the named file can't be read", () => {
    const input = withFile(withJwtFile);
    const readText = (path: string): string | undefined => {
      if (path === jwtFile) throw new Error(`EACCES: permission denied, open '${jwtFile}'`);
      return input.readText(path);
    };
    const [mistake] = examineConfig({ ...input, readText }).mistakes;
    expect(mistake?.detail).toBe("Expected a file that can be read: EACCES: permission denied, open 'the file'");
  });
});

describe("the fixed token", () => {
  test("comes from the environment, else from the systemd credential", () => {
    const files = { "/run/creds/podium_token": "from-systemd\n" };
    const env = { CREDENTIALS_DIRECTORY: "/run/creds" };
    const loaded = loadConfig(inputOf({ files, env }));
    expect(loaded.secrets).toEqual({ podiumToken: "from-systemd" });
    expect(loaded.secretOrigins.podiumToken).toBe("systemd credential podium_token");
    const both = loadConfig(inputOf({ files, env: { ...env, ROXY_PODIUM_TOKEN: "from-env" } }));
    expect(both.secrets.podiumToken).toBe("from-env");
  });

  test("that is short is warned about, and not repeated", () => {
    const { warnings } = loadConfig(inputOf({ env: { ROXY_PODIUM_TOKEN: "dev7777" } }));
    expect(warnings).toEqual([expect.stringMatching(/^The token from ROXY_PODIUM_TOKEN has fewer than 8 characters/)]);
    expect(loadConfig(inputOf({ env: { ROXY_PODIUM_TOKEN: "dev77777" } })).warnings).toEqual([]);
  });

  test.each(["two words", "line\nbreak", "ümlaut"])("must fit into a header: %j", (token) => {
    const { mistakes } = examineConfig(inputOf({ env: { ROXY_PODIUM_TOKEN: token } }));
    expect(mistakes.map(lineOf)).toEqual([
      "ROXY_PODIUM_TOKEN: Expected a token of visible ASCII characters, without spaces or line breaks",
    ]);
  });
});

describe("a file with secrets in it", () => {
  const text = '{ "podium": { "jwt_secret_file": "/s/jwt" }, "auth": { "token_file": "/s/tokens" } }';
  const files = { "/s/jwt": good, "/s/tokens": "token" };

  test.each([0o640, 0o604, 0o644, 0o660, 0o622])("is warned about when others may open it (mode %o)", (mode) => {
    const { warnings } = loadConfig(withFile(text, { files, modes: { "/s/jwt": mode, "/s/tokens": mode } }));
    const octal = mode.toString(8).padStart(4, "0");
    expect(warnings).toEqual([
      `podium.jwt_secret_file: other users may open /s/jwt (mode ${octal}); chmod 600 it`,
      `auth.token_file: other users may open /s/tokens (mode ${octal}); chmod 600 it`,
    ]);
  });

  test.each([0o600, 0o400, 0o100_600])("is left alone when only its owner may (mode %o)", (mode) => {
    const modes = { "/s/jwt": mode, "/s/tokens": mode };
    expect(loadConfig(withFile(text, { files, modes })).warnings).toEqual([]);
  });

  test("need not tell its mode", () => {
    const { facts: _, ...input } = withFile(text, { files });
    expect(loadConfig(input).warnings).toEqual([]);
  });

  test("must be there when it holds client tokens", () => {
    const { mistakes } = examineConfig(withFile('{ "auth": { "token_file": "/s/tokens" } }'));
    expect(mistakes[0]?.key).toBe("auth.token_file");
    expect(mistakes[0]?.detail).toContain("roxy-core token add NAME --role admin");
  });
});

describe("a secret in the wrong place", () => {
  test.each([
    "podium.jwt_secret",
    "podium.token",
    "podium.password",
    "auth.token",
    "jwtSecret",
    "PODIUM_JWT_SECRET",
    "podium.api_key",
  ])("under the key %s is refused with the places where it may live", (key) => {
    const text = JSON.stringify(key.split(".").reduceRight<unknown>((at, step) => ({ [step]: at }), good));
    for (const input of [withFile(text), inputOf({ flags: [{ key, value: good }] })]) {
      const [mistake, ...others] = examineConfig(input).mistakes;
      expect(others).toEqual([]);
      expect(mistake?.key).toBe(key);
      expect(mistake?.detail).toContain("podium.jwt_secret_file");
      expect(mistake?.detail).toContain("PODIUM_JWT_SECRET");
      expect(mistake?.detail).toContain("systemd credential");
    }
  });

  test("that may only be a slip of a key gets both answers", () => {
    const { mistakes } = examineConfig(withFile('{ "podium": { "jwt_secret_fil": "x" } }'));
    expect(mistakes[0]?.detail).toStartWith(
      "Unknown key (nearest known key: podium.jwt_secret_file). A secret must not",
    );
  });

  test.each([
    ["podium.url", "http://mark:hunter2@box:3847"],
    ["podium.url", "http://hunter2@box:3847"],
    ["podium.ws_url", "wss://mark:hunter2@box/ws"],
    ["podium.ws_url", "ws://box/ws?token=hunter2"],
  ])("of %s is refused: %s", (key, value) => {
    const { mistakes } = examineConfig(inputOf({ flags: [{ key, value }] }));
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]?.detail).toMatch(/without a user name or password|ROXY_PODIUM_TOKEN/);
    expect(JSON.stringify(mistakes)).not.toContain("hunter2");
  });

  test("of a service's URL is refused", () => {
    const text = '{ "services": [{ "name": "x", "url": "http://mark:hunter2@box" }] }';
    const { mistakes } = examineConfig(withFile(text));
    expect(mistakes.map(lineOf).join()).toContain("services[0].url: Expected a URL without a user name or password");
    expect(JSON.stringify(mistakes)).not.toContain("hunter2");
  });

  test("is never repeated, wherever it was put", () => {
    const secret = fc.string({ unit: fc.constantFrom("A", "B", "C", "X", "Y", "Z"), minLength: 10, maxLength: 50 });
    fc.assert(
      fc.property(secret, fc.constantFrom(...places), (value, place) => {
        const examined = examineConfig(inputOf(place(value)));
        const { mistakes, warnings, loaded } = examined;
        expect(mistakes.length + warnings.length + (loaded ? 1 : 0)).toBeGreaterThan(0);
        const shown = [mistakeText(mistakes), ...warnings, JSON.stringify([loaded?.config, loaded?.secretOrigins])];
        for (const text of [...shown, ...(loaded?.provenance.values() ?? [])]) {
          expect(JSON.stringify(text)).not.toContain(value);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Every place where somebody might put a secret, rightly or wrongly. */
const places: readonly ((secret: string) => World)[] = [
  (secret) => ({ env: { PODIUM_JWT_SECRET: secret } }),
  (secret) => ({ env: { PODIUM_JWT_SECRET: `${secret}\n` } }),
  (secret) => ({ env: { ROXY_PODIUM_TOKEN: secret } }),
  (secret) => ({ env: { ROXY_PODIUM_TOKEN: `${secret} ` } }),
  (secret) => ({ env: { ROXY_PODIUM_BASE_URL: secret } }),
  (secret) => ({ env: { ROXY_PODIUM_BASE_URL: `http://x:${secret}@box` } }),
  (secret) => ({ env: { ROXY_PODIUM_WS: `ws://box/ws?token=${secret}` } }),
  (secret) => ({ env: { CREDENTIALS_DIRECTORY: "/c" }, files: { "/c/podium_jwt_secret": secret } }),
  (secret) => ({ files: { [defaultFile]: withJwtFile, [jwtFile]: secret }, modes: { [jwtFile]: 0o644 } }),
  (secret) => ({ files: { [defaultFile]: JSON.stringify({ podium: { jwt_secret: secret } }) } }),
  (secret) => ({ files: { [defaultFile]: JSON.stringify({ podium: { jwt_secret_file: secret } }) } }),
  (secret) => ({ files: { [defaultFile]: JSON.stringify({ auth: { token_file: secret } }) } }),
  (secret) => ({ files: { [defaultFile]: JSON.stringify({ log: { level: secret } }) } }),
  (secret) => ({ files: { [defaultFile]: `{ "log": "${secret}` } }),
  (secret) => ({ files: { [defaultFile]: `{ "log": ${secret} }` } }),
  (secret) => ({ flags: [{ key: "podium.jwt_secret", value: secret }] }),
  (secret) => ({ flags: [{ key: "podium.jwt_secret_file", value: secret }] }),
  (secret) => ({ flags: [{ key: "podium.url", value: `https://${secret}@box` }] }),
];
