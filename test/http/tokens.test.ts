import { afterEach, describe, expect, test } from "bun:test";
import { parseTokenFile, tokenFileText, tokenOf } from "../../src/http/client-tokens.ts";
import { Sessions, sessionS } from "../../src/http/sessions.ts";
import { createLog } from "../../src/lib/log.ts";
import { runtime } from "#runtime";
import { said } from "../dispatch/scripted-podium.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";
import { doorkeeperOf, FakeTokenFile, lineOf } from "./doorkeeper.ts";

const admin = "admin-token-0123456789";
const viewer = "viewer-token-0123456789";
const named = lineOf("mark", "admin", admin) + lineOf("wall", "viewer", viewer);
const story = { action: "enqueue_story", payload: { story_id: "STORY-001" }, auth: { user_id: "somebody" } };

const counters: Counter[] = [];
async function open(file: FakeTokenFile | string = named, clock?: FakeClock): Promise<Counter> {
  const counter = await openCounter({ doorkeeper: doorkeeperOf(file, clock) });
  counters.push(counter);
  return counter;
}
afterEach(async () => {
  for (const { desk } of counters.splice(0)) await desk.close();
});

describe("the token file", () => {
  test("one bare token is an admin's, as ~/.roxy/secret.token always was", () => {
    const { tokens, isBare } = parseTokenFile(`${admin}\n`, runtime.sha256);
    expect(isBare).toBe(true);
    expect(tokens).toEqual([{ name: "token", role: "admin", hash: runtime.sha256(admin) }]);
  });

  test("what is written is read back, and holds no token", () => {
    const { tokens } = parseTokenFile(`# a comment\n\n${named}`, runtime.sha256);
    const text = tokenFileText(tokens);
    expect(parseTokenFile(text, runtime.sha256).tokens).toEqual(tokens);
    expect(text).not.toContain(admin);
  });

  test.each([
    ["a short bare token", "short", "line 1"],
    ["an unknown role", "mark root sha256:" + "a".repeat(64), "admin or viewer"],
    ["a token in the clear", "mark admin a-token-in-the-clear", "line 1"],
    ["a name that stands twice", named + lineOf("mark", "viewer", "another"), "line 3: this name stands twice"],
    ["a token that stands twice", named + lineOf("eve", "admin", viewer), "line 3: this token stands twice"],
    ["the bare token's name", lineOf("token", "admin", "x"), "reserved"],
    ["a name that drives a terminal", "\u001b[2J admin sha256:" + "a".repeat(64), "expected a name"],
  ])("%s is refused with its line, and nothing of it is repeated", (_name, text, words) => {
    const message = (() => {
      try {
        return parseTokenFile(text, runtime.sha256)
          .tokens.map(({ name }) => name)
          .join();
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toContain(words);
    expect(message).not.toContain("in-the-clear");
  });

  test("every digest is compared, wherever the right one stands", () => {
    let looks = 0;
    const counting = [admin, viewer, "third"].map((token) => ({
      name: token,
      role: "admin" as const,
      get hash() {
        looks++;
        return runtime.sha256(token);
      },
    }));
    for (const token of [admin, "third", "nobody's"]) {
      looks = 0;
      tokenOf(counting, runtime.sha256(token));
      expect(looks).toBe(3);
    }
  });

  test("a digest that only begins like a token's is nobody's", () => {
    const { tokens } = parseTokenFile(named, runtime.sha256);
    const { hash } = tokens[0]!;
    for (const near of [`${hash}0`, hash.slice(1), hash.slice(0, -1), ""])
      expect(tokenOf(tokens, near)).toBeUndefined();
  });

  test("every digit of a digest is compared, whether the first or none is wrong", () => {
    for (const given of ["0".repeat(64), `f${"0".repeat(63)}`, `${"0".repeat(63)}f`]) {
      let digits = 0;
      const counted = { length: 64, charCodeAt: (at: number) => (digits++, "0".repeat(64).charCodeAt(at)) };
      tokenOf([{ name: "a", role: "admin", hash: counted as unknown as string }], given);
      expect(digits).toBe(64);
    }
  });
});

describe("reading again without a restart", () => {
  test("a removed token is refused by the next request, a new one let in; an untouched file is not read again", () => {
    const file = new FakeTokenFile(named);
    const store = file.store();
    expect(store.ownerOf(admin)?.name).toBe("mark");
    expect(file.reads).toBe(1);
    file.replace(lineOf("eve", "viewer", "eve's token"));
    expect(store.ownerOf(admin)).toBeUndefined();
    expect(store.ownerOf("eve's token")).toMatchObject({ name: "eve", role: "viewer" });
  });

  test.each(["device", "inode", "modifiedMs", "bytes", "mode"] as const)("another %s is a change", (fact) => {
    const file = new FakeTokenFile(named);
    const store = file.store();
    file.text = lineOf("eve", "viewer", "eve's token");
    file.facts = { ...file.facts!, [fact]: fact === "mode" ? 0o640 : 7 };
    expect(store.ownerOf("eve's token")?.name).toBe("eve");
  });

  test("a file of root's is as good as one's own", () => {
    const file = new FakeTokenFile(named);
    file.facts = { ...file.facts!, owner: 0 };
    expect(file.store().ownerOf(admin)?.name).toBe("mark");
  });

  test.each([
    ["is broken", (file: FakeTokenFile) => file.replace("mark admin nonsense")],
    ["is empty", (file: FakeTokenFile) => file.replace("")],
    ["is a symlink now", (file: FakeTokenFile) => file.replace(lineOf("eve", "admin", "e"), { kind: "symlink" })],
    ["may be written by others", (file: FakeTokenFile) => file.replace(lineOf("eve", "admin", "e"), { mode: 0o622 })],
    ["is somebody else's", (file: FakeTokenFile) => file.replace(lineOf("eve", "admin", "e"), { owner: 666 })],
    ["is gone", (file: FakeTokenFile) => void (file.facts = undefined)],
  ])("a file that %s changes nothing and is complained about once", (_name, spoil) => {
    const lines: string[] = [];
    const log = createLog({ level: "info", format: "json", clock: new FakeClock(), write: (line) => lines.push(line) });
    const file = new FakeTokenFile(named);
    const store = file.store(log);
    spoil(file);
    for (let i = 0; i < 3; i++) expect(store.ownerOf(admin)?.name).toBe("mark");
    expect(store.ownerOf("e")).toBeUndefined();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"level":"error"');
  });

  test.each([
    ["no file", (file: FakeTokenFile) => void (file.facts = undefined), "it is not there"],
    ["no token in it", (file: FakeTokenFile) => void (file.text = "# nothing\n"), "it holds no token"],
    ["a mode that lets others write", (file: FakeTokenFile) => file.replace(named, { mode: 0o666 }), "chmod 600"],
    ["a link", (file: FakeTokenFile) => file.replace(named, { kind: "symlink" }), "it is a symbolic link"],
    ["a folder", (file: FakeTokenFile) => file.replace(named, { kind: "folder" }), "not a regular file"],
  ])("a start with %s is refused", (_name, spoil, words) => {
    const file = new FakeTokenFile(named);
    spoil(file);
    expect(() => file.store()).toThrow(words);
  });
});

describe("roles", () => {
  test("an admin's dispatch is recorded under the token's owner, whatever the body claims", async () => {
    const { desk, dispatch } = await open();
    desk.podium.rule = () => said(200, '{"success":true}');
    expect((await dispatch(story, { authorization: `Bearer ${admin}` })).status).toBe(200);
    const intent = desk.records().find(({ event }) => event === "intent");
    expect(intent).toMatchObject({ user_id: "mark", auth_mode: "token" });
  });

  test.each(["enqueue_story", "halt", "status"])("a viewer reads and may not dispatch %s", async (action) => {
    const { desk, dispatch, ask } = await open();
    const before = desk.records().length;
    const response = await dispatch({ ...story, action }, { "x-roxy-token": viewer });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "forbidden_role", retry: "never" });
    expect([desk.records().length, desk.podium.received.length]).toEqual([before, 0]);
    expect((await ask("/ready", { headers: { "x-roxy-token": viewer } })).status).toBe(200);
  });
});

test("where a token is wanted only it opens the door, in either header; health needs none", async () => {
  const { ask } = await open(admin);
  const status = async (headers: Record<string, string>) => (await ask("/ready", { headers })).status;
  expect(await status({ "x-roxy-token": admin })).toBe(200);
  expect(await status({ authorization: `bearer ${admin}` })).toBe(200);
  for (const wrong of ["", `${admin}!`, admin.slice(1), runtime.sha256(admin)]) {
    expect(await status({ "x-roxy-token": wrong })).toBe(401);
  }
  expect(await status({ authorization: `Basic ${admin}` })).toBe(401);
  const refused = await ask("/ready");
  expect(refused.headers.get("www-authenticate")).toBe("Bearer");
  expect(await refused.json()).toMatchObject({ code: "unauthorized", retry: "never" });
  expect((await ask("/health")).status).toBe(200);
});

describe("the panel's session", () => {
  const cookieOf = (response: Response): string => response.headers.get("set-cookie")!;
  const pair = (response: Response): string => cookieOf(response).split(";")[0]!;
  const begin = ({ ask }: Counter, token: string): Promise<Response> =>
    ask("/api/session", { method: "POST", headers: { "x-roxy-token": token } });

  test("a token is shown once; the cookie that follows is out of reach for scripts and other sites", async () => {
    const counter = await open();
    const response = await begin(counter, admin);
    expect(await response.json()).toEqual({ success: true, auth_mode: "token", user_id: "mark", role: "admin" });
    expect(cookieOf(response)).toMatch(/^roxy_session=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    expect(cookieOf(response)).not.toContain(admin);
    const { status } = await counter.ask("/ready", { headers: { cookie: `other=1; ${pair(response)}` } });
    expect(status).toBe(200);
  });

  test("a dispatch by cookie is its owner's, and a viewer's cookie still only reads", async () => {
    const counter = await open();
    counter.desk.podium.rule = () => said(200, '{"success":true}');
    expect((await counter.dispatch(story, { cookie: pair(await begin(counter, admin)) })).status).toBe(200);
    expect((await counter.dispatch(story, { cookie: pair(await begin(counter, viewer)) })).status).toBe(403);
  });

  test("behind a TLS proxy, which the page's Origin tells, the cookie keeps to TLS", async () => {
    const counter = await open();
    const begun = (origin: string): Promise<Response> =>
      counter.ask("/api/session", { method: "POST", headers: { "x-roxy-token": admin, origin } });
    expect(cookieOf(await begun("https://localhost:8000"))).toMatch(/; SameSite=Strict; Secure$/);
    expect(cookieOf(await begun("http://localhost:8000"))).toMatch(/; SameSite=Strict$/);
  });

  test("there are 4096 at most: the oldest gives way", () => {
    const sessions = new Sessions(new FakeClock(), runtime.sha256);
    const ids = Array.from({ length: 4097 }, (_, i) => sessions.begin(`${i}`));
    expect(sessions.tokenHashOf(ids[0]!)).toBeUndefined();
    expect(sessions.tokenHashOf(ids[1]!)).toBe("1");
    expect(sessions.tokenHashOf(ids[4096]!)).toBe("4096");
  });

  test("whoever begins many signs out nobody but the owners of the same token", () => {
    const sessions = new Sessions(new FakeClock(), runtime.sha256);
    const other = sessions.begin("other");
    const own = Array.from({ length: 5000 }, () => sessions.begin("own"));
    expect(sessions.tokenHashOf(other)).toBe("other");
    expect(own.filter((id) => sessions.tokenHashOf(id) === "own")).toEqual(own.slice(-64));
  });

  test("a cookie begins none: whoever has stolen one can't outlast its owner's farewell, nor its age", async () => {
    const counter = await open();
    const cookie = pair(await begin(counter, admin));
    const again = await counter.ask("/api/session", { method: "POST", headers: { cookie } });
    expect([again.status, again.headers.get("set-cookie")]).toEqual([200, null]);
    expect(await again.json()).toMatchObject({ success: true, role: "admin" });
    await counter.ask("/api/session", { method: "DELETE", headers: { cookie } });
    expect((await counter.ask("/ready", { headers: { cookie } })).status).toBe(401);
  });

  test("a new sign-in ends the session that the browser had", async () => {
    const counter = await open();
    const old = pair(await begin(counter, admin));
    const headers = { "x-roxy-token": viewer, cookie: old };
    const fresh = pair(await counter.ask("/api/session", { method: "POST", headers }));
    const status = async (cookie: string) => (await counter.ask("/ready", { headers: { cookie } })).status;
    expect([await status(old), await status(fresh)]).toEqual([401, 200]);
  });

  test("it ends by DELETE, by its age, and with its token", async () => {
    const clock = new FakeClock();
    const file = new FakeTokenFile(named);
    const counter = await open(file, clock);
    const status = async (cookie: string) => (await counter.ask("/ready", { headers: { cookie } })).status;
    const [ended, aged, removed] = [
      pair(await begin(counter, admin)),
      pair(await begin(counter, admin)),
      pair(await begin(counter, viewer)),
    ];
    const bye = await counter.ask("/api/session", { method: "DELETE", headers: { cookie: ended } });
    expect(cookieOf(bye)).toContain("Max-Age=0");
    expect([await status(ended), await status(aged), await status(removed)]).toEqual([401, 200, 200]);
    file.replace(lineOf("mark", "admin", admin));
    expect([await status(aged), await status(removed)]).toEqual([200, 401]);
    clock.pass(sessionS * 1000);
    expect(await status(aged)).toBe(401);
  });

  test("a wrong token is refused even beside a good cookie, and makes no session", async () => {
    const counter = await open();
    const cookie = pair(await begin(counter, admin));
    expect((await counter.ask("/ready", { headers: { cookie, "x-roxy-token": "wrong" } })).status).toBe(401);
    expect((await begin(counter, "wrong")).headers.get("set-cookie")).toBeNull();
  });

  test("another site's page can't begin one, and where no login is needed there is none", async () => {
    const counter = await open();
    const headers = { "x-roxy-token": admin, origin: "http://evil.test" };
    expect((await counter.ask("/api/session", { method: "POST", headers })).status).toBe(403);
    const local = await openCounter();
    counters.push(local);
    const response = await local.ask("/api/session", { method: "POST" });
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(await response.json()).toEqual({ success: true, auth_mode: "local", role: "admin" });
  });
});
