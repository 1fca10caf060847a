import { afterAll, describe, expect, test } from "bun:test";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { runtime } from "#runtime";
import { configGroup, configInput } from "../../src/cli/config.ts";
import { runGroup, specsOf } from "../../src/cli/group.ts";
import { settings } from "../../src/config/keys.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Fatal } from "../../src/lib/errors.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "roxy-config-"));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const secret = "hunter2-hunter2-hunter2-hunter2!";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command on the real file system with a home of its own. */
async function run(argv: readonly string[], env: Record<string, string> = {}, home = folder): Promise<Ran> {
  let [out, err] = ["", ""];
  const process = {
    env,
    home,
    cwd: folder,
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => Boolean((err += text)),
  };
  try {
    return {
      code: await runGroup({ files: runtime.files, sha256: runtime.sha256, process }, configGroup, argv),
      out,
      err,
    };
  } catch (error) {
    if (!(error instanceof Fatal)) throw error;
    return { code: error.exitCode, out, err: err + error.message };
  }
}

function file(name: string, text: string, mode = 0o600): string {
  const target = path.join(folder, name);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, text, { mode });
  fs.chmodSync(target, mode);
  return target;
}

describe("config check", () => {
  test("says that a valid file is valid", async () => {
    const good = file("good.jsonc", '{ "listen": { "port": 9 } }');
    expect(await run(["check", "--config", good])).toEqual({ code: 0, out: `${good} is valid\n`, err: "" });
    expect((await run(["check", "good.jsonc"])).out).toBe(`${good} is valid\n`);
  });

  test.each([
    ["an empty file", "", 0o600, "it is empty"],
    ["a line that is none", "mark admin\n", 0o600, "line 1: expected NAME ROLE sha256:DIGEST"],
    ["one that others may write", "a-bare-token-of-its-own", 0o666, "other users may write it"],
  ])("refuses client tokens that the start refuses: %s", async (_, text, mode, why) => {
    file("tokens", text, mode);
    const named = file("named.jsonc", '{ "auth": { "token_file": "tokens" } }');
    const { code, out } = await run(["check", named]);
    expect(code).toBe(1);
    expect(out).toContain(`${named}:1:13: auth.token_file: Expected client tokens: ${why}`);
    file("tokens", "a-bare-token-of-its-own");
    expect(await run(["check", named])).toMatchObject({ code: 0, out: `${named} is valid\n` });
  });

  test("says that there is no file when there is none", async () => {
    const { code, out } = await run(["check"]);
    expect(code).toBe(0);
    expect(out).toBe(`No file ${folder}/.roxy/roxy-core.jsonc: the built-in defaults are used\n`);
  });

  test("lists every mistake of an invalid file and ends with 1", async () => {
    const bad = file("bad.jsonc", '{\n  "listen": { "prot": 9 },\n  "log": { "level": 1 }\n}');
    const { code, out } = await run(["check", "--config", bad]);
    expect(code).toBe(1);
    expect(out.split("\n")).toEqual([
      `${bad}:2:15: listen.prot: Unknown key (nearest known key: listen.port)`,
      `${bad}:3:21: log.level: Expected debug, info, warn or error, got 1`,
      "",
    ]);
  });

  test("gives the same as JSON", async () => {
    const bad = file("bad2.jsonc", '{ "log": { "level": 1 } }');
    const { code, out } = await run(["check", bad, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      valid: false,
      file: bad,
      mistakes: [{ where: `${bad}:1:21`, key: "log.level", detail: "Expected debug, info, warn or error, got 1" }],
      warnings: [],
    });
  });

  test.each(["--config=none.jsonc", "none.jsonc", "--set listen.port=x", "--host 0.0.0.0", "--sett a=b", "a b"])(
    "ends with 2 for bad usage: %s",
    async (words) => {
      expect((await run(["check", ...words.split(" ")])).code).toBe(2);
    },
  );

  test("warns about a loose secret file and a short secret, without showing it", async () => {
    file("loose/jwt", "hunter2\n", 0o644);
    const config = file("loose/core.jsonc", '{ "podium": { "jwt_secret_file": "jwt" } }');
    const { code, out } = await run(["check", config]);
    expect(code).toBe(0);
    expect(out).toContain(`Warning: podium.jwt_secret_file: other users may open ${folder}/loose/jwt (mode 0644)`);
    expect(out).toContain("has 7 bytes");
    expect(out).not.toContain("hunter2");
  });

  test("blames the argument for a file that is not there, and --config only where it was given", async () => {
    const gone = path.join(folder, "gone.jsonc");
    expect(await run(["check", gone])).toEqual({ code: 2, out: `FILE: There is no file ${gone}\n`, err: "" });
    expect((await run(["check", "--config", gone])).out).toBe(`--config: There is no file ${gone}\n`);
  });

  test("says what is wrong with a file that is no file", async () => {
    fs.mkdirSync(path.join(folder, "a-folder"));
    fs.symlinkSync(file("target.jsonc", "{}"), path.join(folder, "link.jsonc"));
    fs.writeFileSync(path.join(folder, "latin.jsonc"), Uint8Array.of(0x7b, 0xe9, 0x7d));
    expect((await run(["check", "a-folder"])).out).toContain("Cannot read the configuration: it is a folder");
    expect((await run(["check", "link.jsonc"])).out).toContain("it is a symbolic link");
    expect((await run(["check", "latin.jsonc"])).out).toContain("it is not valid UTF-8");
    fs.writeFileSync(path.join(folder, "huge.jsonc"), " ".repeat(1_048_577));
    expect((await run(["check", "huge.jsonc"])).out).toContain("more than 1048576");
    for (const name of ["a-folder", "link.jsonc", "latin.jsonc"]) expect((await run(["check", name])).code).toBe(1);
  });

  test("takes /dev/null for an empty file", async () => {
    expect((await run(["check", "/dev/null"])).code).toBe(0);
  });
});

describe("config show", () => {
  const env = { PODIUM_JWT_SECRET: secret, ROXY_PODIUM_TOKEN: "hunter3", ROXY_PODIUM_BASE_URL: "http://box:1/" };

  test("shows every setting with its value and where it came from", async () => {
    const config = file("show.jsonc", '{\n  "log": { "level": "debug" }\n}');
    const { code, out } = await run(["show", "-c", config, "--port", "81"], env);
    expect(code).toBe(0);
    const rows = out.split("\n").map((line) => line.split(/ {2,}/));
    for (const { key } of settings) expect(rows.filter(([shown]) => shown === key)).toHaveLength(1);
    expect(rows).toContainEqual(["file", JSON.stringify(config)]);
    expect(rows).toContainEqual(["root", JSON.stringify(`${folder}/.roxy`)]);
    expect(rows).toContainEqual(["log.level", '"debug"', `${config}:2:12`]);
    expect(rows).toContainEqual(["listen.port", "81", "--port"]);
    expect(rows).toContainEqual(["listen.host", '"127.0.0.1"', "built in"]);
    expect(rows).toContainEqual(["podium.url", '"http://box:1"', "ROXY_PODIUM_BASE_URL"]);
    expect(rows).toContainEqual(["podium.ws_url", '"ws://box:1/ws"', "derived from podium.url (ROXY_PODIUM_BASE_URL)"]);
    expect(rows).toContainEqual(["auth.token_file", "not set", "built in"]);
    expect(rows).toContainEqual(["PODIUM_JWT_SECRET", "set (from PODIUM_JWT_SECRET)"]);
  });

  test("gives the same as JSON", async () => {
    const { out } = await run(["show", "--json", "--set", "stream.history=7"], env);
    const shown = JSON.parse(out) as { settings: Record<string, unknown>; secrets: unknown; file: unknown };
    expect(Object.keys(shown.settings)).toEqual(settings.map(({ key }) => key));
    expect(shown.settings["stream.history"]).toEqual({ value: 7, source: "flag", where: "--set stream.history" });
    expect(shown.settings["auth.token_file"]).toEqual({ value: null, source: "default", where: "built in" });
    expect(shown.file).toBeNull();
    expect(shown.secrets).toEqual({
      PODIUM_JWT_SECRET: "set (from PODIUM_JWT_SECRET)",
      PODIUM_JWT_SECRET_PREVIOUS: "not set",
      "podium.jwt_private_key": "not set",
      "podium.jwt_private_key_previous": "not set",
      ROXY_PODIUM_TOKEN: "set (from ROXY_PODIUM_TOKEN)",
    });
  });

  test("never shows a secret, as text or as JSON", async () => {
    file("creds/podium_token", "hunter4");
    file("jwt.secret", `${secret}\n`);
    const config = file("secrets.jsonc", '{ "podium": { "jwt_secret_file": "jwt.secret" } }');
    for (const from of [env, { CREDENTIALS_DIRECTORY: path.join(folder, "creds") }]) {
      for (const argv of [["show"], ["show", "--json"], ["check"], ["check", "--json"]]) {
        const { code, out, err } = await run([...argv, "--config", config], from);
        expect(code).toBe(0);
        expect(out + err).not.toMatch(/hunter\d/);
      }
    }
    const { out } = await run(["show", "--config", config], { CREDENTIALS_DIRECTORY: path.join(folder, "creds") });
    expect(out).toContain(`set (from podium.jwt_secret_file ${folder}/jwt.secret)`);
    expect(out).toContain("set (from systemd credential podium_token)");
  });

  test("says that no secret is set", async () => {
    expect((await run(["show"])).out).toMatch(
      /PODIUM_JWT_SECRET +not set\nPODIUM_JWT_SECRET_PREVIOUS +not set\n(podium\S+ +not set\n){2}ROXY_PODIUM_TOKEN +not set\n/,
    );
  });

  test("keeps warnings out of what it prints", async () => {
    const { out, err } = await run(["show", "--json"], { PODIUM_JWT_SECRET: "" });
    expect(JSON.parse(out)).toHaveProperty("warnings", ["PODIUM_JWT_SECRET is empty and counts as not set"]);
    expect(err).toBe("");
    expect((await run(["show"], { PODIUM_JWT_SECRET: "" })).err).toBe(
      "Warning: PODIUM_JWT_SECRET is empty and counts as not set\n",
    );
  });

  test("ends with 1 and the mistakes when the file is invalid", async () => {
    const bad = file("bad3.jsonc", "{ x: 1 }");
    const { code, out, err } = await run(["show", "--config", bad]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toStartWith(`${bad}:1:3: Expected a key in double quotes`);
  });

  test("lets no text from the file drive the terminal", async () => {
    const config = file("evil.jsonc", JSON.stringify({ services: [{ name: "a\u202eb\u200f", url: "http://x" }] }));
    const { out } = await run(["show", "--config", config]);
    expect(out).toContain("\\u{202e}");
    expect(out).not.toMatch(/[\u202e\u200f]/);
  });
});

describe("config init", () => {
  test("writes a file for its owner alone, which loads and changes nothing", async () => {
    const home = path.join(folder, "fresh");
    const { code, out } = await run(["init"], {}, home);
    const written = path.join(home, ".roxy", "roxy-core.jsonc");
    expect({ code, out }).toEqual({ code: 0, out: `Wrote ${written}\n` });
    expect(fs.statSync(written).mode & 0o777).toBe(0o600);
    expect(fs.statSync(path.dirname(written)).mode & 0o777).toBe(0o700);
    expect((await run(["check"], {}, home)).out).toBe(`${written} is valid\n`);
    const input = configInput(
      { files: runtime.files, process: { ...runtime.process, env: {}, home, cwd: folder } },
      { settings: [] },
    );
    expect([...loadConfig(input).provenance.values()].every(({ source }) => source === "default")).toBe(true);
  });

  test("does not take a file in the root's place for its own", async () => {
    const taken = file("taken", "");
    const { code, err } = await run(["init"], { ROXY_ROOT: taken });
    expect(code).toBe(1);
    expect(err).toStartWith(`Cannot write ${taken}/roxy-core.jsonc: EEXIST`);
    expect(err).not.toContain("--force");
  });

  test("replaces a file only when it is forced to", async () => {
    const mine = file("mine.jsonc", "{}");
    const refused = await run(["init", "--config", mine]);
    expect({ code: refused.code, err: refused.err }).toEqual({
      code: 1,
      err: `${mine} is already there; --force replaces it`,
    });
    expect(fs.readFileSync(mine, "utf8")).toBe("{}");
    expect((await run(["init", "--config", mine, "--force"])).code).toBe(0);
    expect(fs.readFileSync(mine, "utf8")).toContain('"retention_days": 90');
  });

  test("writes into $ROXY_ROOT, with its paths in the file", async () => {
    const root = path.join(folder, "srv");
    await run(["init"], { ROXY_ROOT: root });
    expect(fs.readFileSync(path.join(root, "roxy-core.jsonc"), "utf8")).toContain(`//"dir": "${root}/logs"`);
  });

  test("prints the file when asked to, and writes nothing", async () => {
    const home = path.join(folder, "printed");
    const printed = (await run(["init", "--stdout"], {}, home)).out;
    expect(printed).toContain('//"port": 8000,');
    expect((await run(["init", "-"], {}, home)).out).toBe(printed);
    expect(fs.existsSync(home)).toBe(false);
  });

  test("works beside an invalid file", async () => {
    const home = path.join(folder, "broken");
    file("broken/.roxy/roxy-core.jsonc", "{ broken");
    expect((await run(["init", "other.jsonc"], {}, home)).code).toBe(0);
  });

  test("says why it can't write", async () => {
    const { code, err } = await run(["init", `${file("plain", "")}/sub/x.jsonc`]);
    expect(code).toBe(1);
    expect(err).toStartWith(`Cannot write ${folder}/plain/sub/x.jsonc: `);
  });
});

describe("config schema", () => {
  test("prints a JSON Schema with every key's description", async () => {
    const { code, out } = await run(["schema"]);
    expect(code).toBe(0);
    const schema = JSON.parse(out) as Record<string, unknown>;
    expect(schema["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema");
    for (const { description } of settings)
      if (description !== undefined) expect(out).toContain(JSON.stringify(description));
  });
});

describe("config", () => {
  test.each([[[]], [["chekc"]], [["--json"]]])("ends with 2 without a known word after it: %j", async (argv) => {
    expect((await run(argv)).code).toBe(2);
  });

  test("shows help for itself and for each of its commands", async () => {
    const { out: overview } = await run(["--help"]);
    for (const { name, summary } of specsOf(configGroup)) {
      expect(overview).toContain(summary);
      const { code, out } = await run([...name.split(" ").slice(1), "--help"]);
      expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`${summary}.`) });
    }
  });
});
