import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { defaultOf, settings } from "../../src/config/keys.ts";
import { examineConfig, loadConfig } from "../../src/config/load.ts";
import type { FlagSetting } from "../../src/config/overrides.ts";
import { Fatal } from "../../src/lib/errors.ts";
import { defaultFile, inputOf, withFile } from "./inputs.ts";

describe("loadConfig", () => {
  test("takes the defaults when there is no file", () => {
    const loaded = loadConfig(inputOf({}));
    expect(loaded.root).toBe("/home/mark/.roxy");
    expect(loaded.file).toBeUndefined();
    expect(loaded.warnings).toEqual([]);
    expect(loaded.config.audit.dir).toBe("/home/mark/.roxy/logs");
    for (const setting of settings) {
      expect(loaded.provenance.get(setting.key)?.source).toBe("default");
      const value = setting.path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], loaded.config);
      expect(value).toEqual(defaultOf(setting, loaded.root));
    }
  });

  test.each(["", "// nothing yet\n", "{}", "{ }\n"])("takes the defaults from the empty file %j", (text) => {
    const loaded = loadConfig(withFile(text));
    expect(loaded.config).toEqual(loadConfig(inputOf({})).config);
    expect(loaded.file).toBe(defaultFile);
  });

  test("looks for the file in $ROXY_ROOT", () => {
    const files = { "/srv/roxy/roxy-core.jsonc": '{ "listen": { "port": 1 } }' };
    const loaded = loadConfig(inputOf({ files, env: { ROXY_ROOT: "/srv/roxy/" } }));
    expect(loaded.config.listen.port).toBe(1);
    expect(loaded.config.audit.checkpoint_key_file).toBe("/srv/roxy/keys/audit-ed25519.key");
    expect(loaded.provenance.get("audit.dir")?.where).toBe("built in, under /srv/roxy");
  });

  test("prefers --config to the file in the root folder", () => {
    const files = { [defaultFile]: '{ "listen": { "port": 1 } }', "/desk/my.jsonc": '{ "listen": { "port": 2 } }' };
    expect(loadConfig(inputOf({ files, configFile: "my.jsonc" })).config.listen.port).toBe(2);
    expect(loadConfig(inputOf({ files })).config.listen.port).toBe(1);
  });

  test("refuses a --config that names a missing file, as bad usage", () => {
    const failure = failureOf(() => loadConfig(inputOf({ configFile: "~/none.jsonc" })));
    expect(failure.message).toBe("--config: There is no file /home/mark/none.jsonc");
    expect(failure.exitCode).toBe(2);
  });

  test("says why a file that is there can't be read", () => {
    const input = { ...inputOf({}), readText: () => raise("EACCES: permission denied") };
    const failure = failureOf(() => loadConfig(input));
    expect(failure.message).toBe(`${defaultFile}: Cannot read the configuration: EACCES: permission denied`);
    expect(failure.exitCode).toBe(1);
  });

  test("gives the value of the strongest source that has one, and says which", () => {
    const layer = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
    const numbers = fc.constantFrom(
      "listen.port",
      "limits.dispatch_per_minute",
      "stream.history",
      "podium.queue_limit",
    );
    fc.assert(
      fc.property(
        numbers,
        layer,
        fc.array(fc.integer({ min: 1, max: 9999 }), { maxLength: 3 }),
        (key, inFile, flags) => {
          const [section, name] = key.split(".") as [string, string];
          const fits = inFile === undefined ? undefined : (inFile % 9999) + 1;
          const text = fits === undefined ? "{}" : JSON.stringify({ [section]: { [name]: fits } });
          const loaded = loadConfig(withFile(text, { flags: flags.map((value) => ({ key, value: String(value) })) }));
          const byDefault = settings.find((setting) => setting.key === key)?.builtIn as number;
          const sections = loaded.config as unknown as Record<string, Record<string, number>>;
          expect(sections[section]?.[name]).toBe(flags.at(-1) ?? fits ?? byDefault);
          const source = flags.length > 0 ? "flag" : fits === undefined ? "default" : "file";
          expect(loaded.provenance.get(key)?.source).toBe(source);
        },
      ),
    );
  });

  test("lets flags beat the environment and the environment beat the file, for Podium's addresses", () => {
    const option = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(option, option, option, (inFile, inEnvironment, onFlag) => {
        const url = (port: number): string => `http://127.0.0.1:${port}/x`;
        const loaded = loadConfig(
          withFile(JSON.stringify({ podium: inFile === undefined ? {} : { url: url(inFile) } }), {
            env: inEnvironment === undefined ? {} : { ROXY_PODIUM_BASE_URL: url(inEnvironment) },
            flags: onFlag === undefined ? [] : [{ key: "podium.url", value: url(onFlag), flag: "--podium-url" }],
          }),
        );
        const port = onFlag ?? inEnvironment ?? inFile;
        expect(loaded.config.podium.url).toBe(port === undefined ? "http://127.0.0.1:3847" : url(port));
        const sources = [
          ...(onFlag === undefined ? [] : ["--podium-url"]),
          ...(inEnvironment === undefined ? [] : ["ROXY_PODIUM_BASE_URL"]),
          ...(inFile === undefined ? [] : [`${defaultFile}:1:12`]),
          "built in",
        ];
        expect(loaded.provenance.get("podium.url")?.where).toBe(sources[0] as string);
      }),
    );
  });

  test("says where in the file a value stands", () => {
    const loaded = loadConfig(withFile('{\n  "listen": {\n    // here\n    "port": 9000 } }'));
    expect(loaded.provenance.get("listen.port")).toEqual({ source: "file", where: `${defaultFile}:4:5` });
    expect(loaded.provenance.get("listen.host")).toEqual({ source: "default", where: "built in" });
  });

  test("freezes the configuration and the secrets to the last list", () => {
    const { config, secrets } = loadConfig(inputOf({ env: { PODIUM_JWT_SECRET: "s".repeat(32) } }));
    const all: unknown[] = [config, secrets];
    for (const value of all) {
      if (typeof value !== "object" || value === null) continue;
      expect(Object.isFrozen(value)).toBe(true);
      all.push(...Object.values(value));
    }
    expect(all.length).toBeGreaterThan(60);
  });

  test("does not hand out the schema's own defaults", () => {
    const [one, other] = [loadConfig(inputOf({})).config, loadConfig(inputOf({})).config];
    expect(one.stream.types).not.toBe(other.stream.types);
    expect(one.services[0]).not.toBe(other.services[0] as object);
  });

  test("ignores $schema", () => {
    expect(loadConfig(withFile('{ "$schema": "./x.json" }')).config).not.toHaveProperty("$schema");
  });
});

describe("Podium's addresses", () => {
  test.each([
    ["http://box:3847/", "http://box:3847", "ws://box:3847/ws"],
    ["https://box/podium//", "https://box/podium", "wss://box/podium/ws"],
    ["http://[::1]:3847", "http://[::1]:3847", "ws://[::1]:3847/ws"],
  ])("%s becomes %s, and its WebSocket %s", (given, url, wsUrl) => {
    const loaded = loadConfig(inputOf({ env: { ROXY_PODIUM_BASE_URL: given } }));
    expect(loaded.config.podium).toMatchObject({ url, ws_url: wsUrl });
    expect(loaded.provenance.get("podium.ws_url")).toEqual({
      source: "environment",
      where: "derived from podium.url (ROXY_PODIUM_BASE_URL)",
    });
    expect(loaded.warnings).toEqual([]);
  });

  test("are not derived from each other when both are set", () => {
    const env = { ROXY_PODIUM_BASE_URL: "http://box:1", ROXY_PODIUM_WS: "ws://box:2/telemetry" };
    const loaded = loadConfig(inputOf({ env }));
    expect(loaded.config.podium.ws_url).toBe("ws://box:2/telemetry");
    expect(loaded.provenance.get("podium.ws_url")?.where).toBe("ROXY_PODIUM_WS");
    expect(loaded.warnings).toEqual([]);
  });

  test("warn when they name different hosts", () => {
    const text = '{ "podium": { "ws_url": "ws://127.0.0.1:3847/ws" } }';
    const env = { ROXY_PODIUM_BASE_URL: "http://box:3847" };
    const [warning, ...others] = loadConfig(withFile(text, { env })).warnings;
    expect(others).toEqual([]);
    expect(warning).toContain("podium.url (ROXY_PODIUM_BASE_URL)");
    expect(warning).toContain(`podium.ws_url (${defaultFile}:1:15)`);
  });

  test("count localhost and 127.0.0.1 as one host", () => {
    const env = { ROXY_PODIUM_BASE_URL: "http://localhost:1", ROXY_PODIUM_WS: "ws://127.0.0.1:1/ws" };
    expect(loadConfig(inputOf({ env })).warnings).toEqual([]);
  });

  test("count as not set when the environment has them empty, with a warning", () => {
    const loaded = loadConfig(inputOf({ env: { ROXY_PODIUM_BASE_URL: "", ROXY_PODIUM_WS: "", ROXY_ROOT: "" } }));
    expect(loaded.config.podium.url).toBe("http://127.0.0.1:3847");
    expect(loaded.root).toBe("/home/mark/.roxy");
    expect(loaded.warnings.toSorted()).toEqual([
      "ROXY_PODIUM_BASE_URL is empty and counts as not set",
      "ROXY_PODIUM_WS is empty and counts as not set",
      "ROXY_ROOT is empty and counts as not set",
    ]);
  });
});

describe("paths", () => {
  test("count from the file's folder in the file, and from the working folder on the command line", () => {
    const files = { "/etc/roxy/core.jsonc": '{ "audit": { "dir": "logs", "checkpoint_key_file": "~/k" } }' };
    const world = { files, configFile: "/etc/roxy/core.jsonc" };
    expect(loadConfig(inputOf(world)).config.audit).toMatchObject({
      dir: "/etc/roxy/logs",
      checkpoint_key_file: "/home/mark/k",
    });
    const flags = [{ key: "audit.dir", value: "../logs", flag: "--audit-dir" }];
    expect(loadConfig(inputOf({ ...world, flags })).config.audit.dir).toBe("/logs");
  });

  test("may look like numbers on the command line", () => {
    expect(loadConfig(inputOf({ flags: [{ key: "audit.dir", value: "2026" }] })).config.audit.dir).toBe("/desk/2026");
  });

  test("warn when the signing key lies in the folder it vouches for", () => {
    const text = '{ "audit": { "dir": "/a", "checkpoint_key_file": "/a/b/key" } }';
    expect(loadConfig(withFile(text)).warnings[0]).toContain("audit.checkpoint_key_file lies inside audit.dir");
  });
});

describe("--set", () => {
  const configWith = (...flags: FlagSetting[]) => loadConfig(inputOf({ flags })).config;

  test("takes JSON, or bare text", () => {
    expect(configWith({ key: "stream.types", value: '["A"]' }).stream.types).toEqual(["A"]);
    expect(configWith({ key: "log.level", value: "debug" }).log.level).toBe("debug");
    expect(configWith({ key: "log.level", value: '"debug"' }).log.level).toBe("debug");
    expect(configWith({ key: "listen.port", value: "81" }).listen.port).toBe(81);
  });

  test("sets the named keys of a section and leaves the others alone", () => {
    const loaded = loadConfig(
      withFile('{ "listen": { "port": 81 } }', { flags: [{ key: "listen", value: '{"host":"::1"}' }] }),
    );
    expect(loaded.config.listen).toMatchObject({ host: "::1", port: 81 });
    expect(loaded.provenance.get("listen.port")?.source).toBe("file");
    expect(loaded.provenance.get("listen.host")?.where).toBe("--set listen");
  });

  test.each([
    ["cancel_story", "/stories/{story_id}/cancel"],
    ["apply_plan", "/plans/{plan_id}/nonce-{nonce}"],
    ["apply_plan", "/plans/{plan_id}?nonce={nonce}"],
  ])("a route's path may name what its action always has: %s", (action, path) => {
    const file = JSON.stringify({ podium: { routes: { [action]: { method: "POST", path } } } });
    expect(loadConfig(withFile(file)).config.podium.routes).toMatchObject({ [action]: { path } });
  });

  test.each([
    ["cancel_story", "/plans/{plan_id}", "{story_id}"],
    ["enqueue_plan", "/plans/{plan_id}/{nonce}", "{plan_id}"],
    ["cancel_story", "/stories/{storyId}", "{story_id}"],
    ["cancel_story", "/stories/{story_id", "{story_id}"],
    ["halt", "/halt/{story_id}", "no braces"],
    ["apply_plan", "/plans/{plan_id}/{nonce}", "{nonce} in the query"],
    ["apply_plan", "/plans/{plan_id}/.{nonce}?x", "{nonce} in the query"],
  ])("a route's path with a brace that nothing fills is a mistake: %s %s", (action, path, expected) => {
    const file = JSON.stringify({ podium: { routes: { [action]: { method: "POST", path } } } });
    const [mistake] = examineConfig(withFile(file)).mistakes;
    expect(mistake).toMatchObject({ key: `podium.routes.${action}` });
    expect(mistake!.detail).toContain(expected);
  });

  const routeOf = (action: string, route: object) =>
    withFile(JSON.stringify({ podium: { routes: { [action]: route } } }));

  test.each([
    ["enqueue_story", { a: "{storyid}" }, "no word in braces but {story_id}, alone in its value"],
    ["enqueue_plan", { a: "plan-{plan_id}" }, "but {plan_id} and {nonce}, alone"],
    ["prepare_apply", { a: "{nonce}" }, "but {plan_id}, alone"],
    ["halt", { a: "${user}" }, "no word in braces: nothing"],
  ])("a word in braces that nothing fills is a mistake in a body: %s %j", (action, body, expected) => {
    const [mistake] = examineConfig(routeOf(action, { method: "POST", path: "/x", body })).mistakes;
    expect(mistake).toMatchObject({ key: `podium.routes.${action}`, detail: expect.stringContaining(expected) });
  });

  test("other braces of a body are text, and a GET has none", () => {
    const body = { type: "HALT", json: '{"by": ["{}", "{ a, b }"]}', n: 1 };
    expect(examineConfig(routeOf("halt", { method: "POST", path: "/x", body })).mistakes).toEqual([]);
    const [mistake] = examineConfig(routeOf("halt", { method: "GET", path: "/x", body })).mistakes;
    expect(mistake?.detail).toBe("Expected no body: none is sent with GET");
  });

  test("changes a part of a route and keeps the rest of it", () => {
    const flags = [{ key: "podium.routes.halt.path", value: "/api/stop" }];
    const body = { type: "HALT" };
    expect(loadConfig(inputOf({ flags })).config.podium.routes.halt).toEqual({
      method: "POST",
      path: "/api/stop",
      body,
    });
    const file = '{ "podium": { "routes": { "halt": { "method": "GET", "path": "/x" } } } }';
    const loaded = loadConfig(withFile(file, { flags }));
    expect(loaded.config.podium.routes.halt).toEqual({ method: "GET", path: "/api/stop" });
    expect(loaded.provenance.get("podium.routes.halt")?.where).toBe("--set podium.routes.halt.path");
  });

  test("counts in the order of the command line", () => {
    const flags = [
      { key: "listen.port", value: "1" },
      { key: "listen.port", value: "2", flag: "--port" },
    ];
    expect(configWith(...flags).listen.port).toBe(2);
    expect(configWith(...flags.toReversed()).listen.port).toBe(1);
  });
});

function failureOf(run: () => unknown): Fatal {
  try {
    run();
  } catch (error) {
    if (error instanceof Fatal) return error;
    throw error;
  }
  throw new Error("Expected a Fatal");
}

function raise(message: string): never {
  throw new Error(message);
}
