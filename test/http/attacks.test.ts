import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Call, Json } from "../e2e/http-client.ts";
import { call } from "../e2e/http-client.ts";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, environment, removeRoot, runCommand, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import { dispatchCall, dispatchPath, enqueueBody } from "../e2e/scene.ts";

const token = "attack-token-0123456789";
let podium: PodiumStub;
let gateway: Gateway;
beforeAll(async () => {
  podium = await PodiumStub.start();
  gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, settings: { "log.level": "debug" } });
});
afterAll(async () => {
  await gateway?.kill();
  await podium?.down();
  if (gateway) removeRoot(gateway.root);
});

const ask = (request: Call) => call(gateway.baseUrl, request);
const intents = (): number => gateway.records().filter(({ event }) => event === "intent").length;

/** Silence after an answer that says that there is no second one. */
const pauseMs = 60;

/** Writes these bytes and gives everything that comes back until the connection ends, or falls silent. */
function speak(text: string | Uint8Array, { waitMs = 5_000, drip = "" } = {}): Promise<{ said: string; ms: number }> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let said = "";
    const socket = net.connect(gateway.port, "127.0.0.1");
    const dripping = drip === "" ? undefined : setInterval(() => socket.write(drip), 250);
    const end = (): void => {
      clearTimeout(timer);
      clearInterval(dripping);
      socket.destroy();
      resolve({ said, ms: performance.now() - startedAt });
    };
    let timer = setTimeout(end, waitMs);
    socket.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
      clearTimeout(timer);
      timer = setTimeout(end, pauseMs);
    });
    socket.on("error", end);
    socket.on("close", end);
    socket.write(text);
  });
}

/** Nothing may come of it: not a record, not a command at Podium. */
async function expectInert(attack: () => Promise<unknown>): Promise<void> {
  const [before, sent] = [intents(), podium.commands.length];
  await attack();
  expect([intents(), podium.commands.length]).toEqual([before, sent]);
}

const halt = '{"action":"halt"}';
const halting = (head: readonly string[]): string =>
  [
    `POST ${dispatchPath} HTTP/1.1`,
    ...head,
    "Content-Type: application/json",
    `Content-Length: ${halt.length}`,
    "",
    halt,
  ].join("\r\n");

describe("a rebound name", () => {
  test.each([
    [["Host: evil.test"]],
    [["Host: evil.test", "Host: localhost"]],
    [["Host: localhost", "Host: evil.test"]],
    [["Host: localhost@evil.test"]],
    [["Host: localhost:8000@evil.test"]],
    [["Host: localhost, evil.test"]],
    [["Host: localhost.evil.test"]],
    [["Host: 127.0.0.1.nip.io"]],
    [["Host: 0x7f000001"]],
    [["Host: 2130706433"]],
    [["Host: 127.1"]],
    [["Host: 0.0.0.0"]],
    [["Host: [::ffff:127.0.0.1]"]],
    [["Host: localhost\t.evil.test"]],
    [["Host: localhost#.evil.test"]],
    [["Host:"]],
    [[]],
  ])("%p moves nothing", async (head) => {
    await expectInert(async () => {
      const { said } = await speak(halting(head));
      expect(said).not.toContain(" 200 ");
    });
  });

  test.each(["X-Forwarded-Host: localhost", "Forwarded: host=localhost", "X-Original-Host: localhost"])(
    "%s does not make a stranger's Host ours",
    async (line) => {
      await expectInert(() => speak(halting(["Host: evil.test", line])));
    },
  );
});

describe("two readings of one request", () => {
  const smuggled = `POST ${dispatchPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${halt.length}\r\n\r\n${halt}`;
  test.each([
    ["length and chunks", ["Content-Length: 4", "Transfer-Encoding: chunked"], `0\r\n\r\n${smuggled}`],
    ["two lengths", ["Content-Length: 0", `Content-Length: ${smuggled.length}`], smuggled],
    ["a chunked that is none", [`Content-Length: ${smuggled.length}`, "Transfer-Encoding: xchunked"], smuggled],
    ["a length with a sign", [`Content-Length: +${smuggled.length}`], smuggled],
    ["a space before the colon", [`Content-Length : ${smuggled.length}`], smuggled],
  ])("%s from a stranger's Host execute nothing under ours", async (_name, head, body) => {
    // What a proxy in front would take for the body must not become a request of its own that passes the guard.
    const text = ["POST /health HTTP/1.1", "Host: evil.test", ...head, "", body].join("\r\n");
    await expectInert(async () => {
      const { said } = await speak(text);
      const answers = said.split("HTTP/1.1 ").length - 1;
      expect(answers).toBeLessThanOrEqual(2);
      expect(said).not.toContain(" 200 ");
    });
  });
});

describe("too much", () => {
  test.each([
    ["a header of 20 KiB", `GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`],
    ["a thousand headers", `GET /health HTTP/1.1\r\nHost: localhost\r\n${"X-A: b\r\n".repeat(1000)}\r\n`],
    ["a URL of 64 KiB", `GET /${"a".repeat(65_536)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ])("%s is refused by its size", async (_name, text) => {
    const { said } = await speak(text);
    expect(said).toMatch(/^HTTP\/1\.1 (400|414|431) /);
  });

  test("a body of 40 MiB, promised or in chunks, is refused and not kept", async () => {
    const body = new Uint8Array(40 * 1024 * 1024).fill(97);
    await expectInert(async () => {
      for (const chunkBytes of [undefined, 1_048_576]) {
        const answer = await ask({ ...dispatchCall("", chunkBytes === undefined ? {} : { chunkBytes }), body }).catch(
          (error: unknown) => error as Json,
        );
        // Past what we read on, the connection is cut; up to there the answer says why.
        expect([413, undefined]).toContain(answer.status);
      }
    });
  });

  test("JSON that is nested without end is refused before it is parsed", async () => {
    const answer = await ask(dispatchCall("[".repeat(60_000)));
    expect(answer.json.code).toBe("invalid_request");
  });

  test("who drips a request, byte by byte, is shown the door, and nobody else waits", async () => {
    const headers = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    const body = `POST ${dispatchPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{`;
    const waitMs = 30_000;
    await expectInert(async () => {
      const slow = [
        ...Array.from({ length: 40 }, () => speak(headers, { waitMs, drip: "a" })),
        ...Array.from({ length: 40 }, () => speak(body, { waitMs, drip: " " })),
      ];
      const startedAt = performance.now();
      expect((await ask({ path: "/health" })).status).toBe(200);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      for (const { ms } of await Promise.all(slow)) expect(ms).toBeLessThan(waitMs - 1_000);
    });
  }, 60_000);
});

describe("paths", () => {
  test.each([
    "/../../../etc/passwd",
    "/panel/../../etc/passwd",
    "/panel/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/panel/%00",
    "/panel/..\\..\\etc\\passwd",
    "/api/orchestrator/status/..%2f..%2f..%2fetc%2fpasswd",
    "/api/orchestrator/audit/..%2f..%2fkeys%2faudit-ed25519.key",
    "/api/orchestrator/audit/AUD-..%2f..%2f..%2f..%2f..%2f..%2fetc",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data",
  ])("%s leads nowhere", async (target) => {
    const { said } = await speak(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(said).toMatch(/^HTTP\/1\.1 (400|404) /);
    expect(said).not.toMatch(/root:|PRIVATE KEY/);
  });

  test.each(["/api/orchestrator/dispatch/", "//api/orchestrator/dispatch", "/api/./orchestrator/dispatch%2f"])(
    "%s is no second door",
    async (target) => {
      await expectInert(() => ask({ ...dispatchCall(halt), path: target }));
    },
  );
});

describe("text that drives terminals and forges lines", () => {
  const evil = '\u001b]0;owned\u0007\u001b[2J\r\n{"event":"listening","url":"http://evil"}\u202e\u0000';

  test("nothing of it is in the log or the record as it came, whatever field brings it", async () => {
    const body = enqueueBody("S-1");
    for (const request of [
      dispatchCall({ ...body, source: evil }),
      dispatchCall({ ...body, auth: { user_id: evil } }),
      dispatchCall({ ...body, payload: { story_id: evil } }),
      dispatchCall({ ...body, payload: { story_id: "S-1", options: { note: evil, [evil]: 1 } } }),
      dispatchCall({ ...body, payload: { story_id: "S-9", options: { note: evil } } }),
      dispatchCall(body, { headers: { "x-request-id": "a\u001b[31m", "user-agent": "\u001b[2J" } }),
      { path: `/${encodeURIComponent(evil)}` },
      { path: "/x", headers: { origin: "\u001b[31mnull" } },
    ] as Call[]) {
      await ask(request);
    }
    for (const text of [gateway.child.stderr(), gateway.auditLines().join("\n")]) {
      // oxlint-disable-next-line no-control-regex
      expect(text.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }
    const lines = gateway.child
      .stderr()
      .split("\n")
      .filter((line) => line !== "");
    expect(lines.every((line) => line.startsWith('{"time":'))).toBe(true);
    expect(gateway.logged().filter(({ event }) => event === "listening")).toHaveLength(1);
  });

  test("a token in the wrong place stays out of the log", async () => {
    await ask({ path: `/api/orchestrator/stream?token=${token}` });
    await ask({ path: "/health", headers: { authorization: `Bearer ${token}`, cookie: `roxy_session=${token}` } });
    expect(gateway.child.stderr()).not.toContain(token);
  });
});

describe("files that are not what they seem", () => {
  /** Starts on these files, and must not get up. */
  async function refusal(prepare: (root: string) => Record<string, string>): Promise<string> {
    const root = mkdtempSync(path.join(tmpdir(), "roxy-attack-"));
    const settings = prepare(root);
    const flags = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const { code, stderr } = await runCommand(bunLauncher, ["serve", "--port", "0", ...flags], {
      env: environment(root),
    });
    expect(code).not.toBe(0);
    removeRoot(root);
    return stderr;
  }

  test("a link in the place of the log's folder is not followed", async () => {
    const stderr = await refusal((root) => {
      mkdirSync(path.join(root, "elsewhere"), { mode: 0o700 });
      symlinkSync(path.join(root, "elsewhere"), path.join(root, "logs"));
      return {};
    });
    expect(stderr).toMatch(/symbolic link|not a folder|symlink/i);
  });

  test("a link in the place of the log is not written through", async () => {
    const stderr = await refusal((root) => {
      mkdirSync(path.join(root, "logs"), { mode: 0o700 });
      writeFileSync(path.join(root, "victim"), "", { mode: 0o600 });
      symlinkSync(path.join(root, "victim"), path.join(root, "logs/orchestrator-audit.jsonl"));
      return {};
    });
    expect(stderr).not.toBe("");
  });

  test.each([
    ["a symbolic link", (file: string) => symlinkSync("/etc/hostname", file)],
    ["a pipe", (file: string) => void Bun.spawnSync(["mkfifo", file])],
    ["a folder", (file: string) => mkdirSync(file)],
    ["a file that others may write", (file: string) => writeFileSync(file, `${token}\n`, { mode: 0o666, flag: "wx" })],
    ["an empty file", (file: string) => writeFileSync(file, "", { mode: 0o600 })],
  ])("%s in the place of the token file ends the start", async (name, make) => {
    const mask = process.umask(0);
    try {
      const stderr = await refusal((root) => {
        const file = path.join(root, "tokens");
        make(file);
        return { "auth.token_file": file };
      });
      expect(stderr, name).toContain("auth.token_file");
      expect(stderr.includes("symbolic link")).toBe(name === "a symbolic link");
    } finally {
      process.umask(mask);
    }
  });

  test("listening beyond this machine without tokens ends the start, and names the setting", async () => {
    expect(await refusal(() => ({ "listen.host": "0.0.0.0" }))).toContain("auth.token_file");
  });
});
