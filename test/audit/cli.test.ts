import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runAudit } from "../../src/cli/audit.ts";
import type { Fatal } from "../../src/lib/errors.ts";
import { newAuditId } from "../../src/lib/ids.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { allRecords } from "./accounting.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, linesIn, newPlace, openLog, verifyPlace } from "./log-folder.ts";

/** `roxy-core audit …`: what it prints and with which code it ends. */

interface Output {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `--terminal` as the last word: standard error is one. */
async function run(place: Place, ...words: string[]): Promise<Output> {
  const isTerminal = words.at(-1) === "--terminal";
  const argv = isTerminal ? words.slice(0, -1) : words;
  let out = "";
  let err = "";
  const process = Object.create(runtime.process, {
    env: { value: { ROXY_ROOT: place.root } },
    home: { value: place.root },
    stderrIsTerminal: { value: isTerminal },
    stdout: { value: (text: string) => void (out += text) },
    stderr: { value: (text: string) => void (err += text) },
  }) as Runtime["process"];
  const fake: Runtime = { ...runtime, process };
  const settings = ["check-proof"].includes(argv[0]!)
    ? []
    : ["--set", `audit.dir=${place.dir}`, "--set", `audit.checkpoint_key_file=${place.keyFile}`];
  try {
    return { code: await runAudit(fake, [...argv, ...settings]), out, err };
  } catch (error) {
    if ((error as Fatal).exitCode === undefined) throw error;
    return { code: (error as Fatal).exitCode, out, err: (error as Error).message };
  }
}

async function someLog(): Promise<{ place: Place; id: string }> {
  const place = newPlace();
  const clock = new HandClock();
  const id = newAuditId(clock.now());
  const { log } = await openLog(place, { clock });
  await log.append({ ...intent(1), audit_id: id, user_id: 'evil "user", \u001b[31m' });
  await log.append({ event: "outcome", audit_id: id, result: "queued", podium_response: '=cmd|"x"' });
  clock.advanceDays(1);
  await log.append(intent(2));
  await log.close();
  return { place, id };
}

describe("audit verify", () => {
  test("says what is intact, signed and pinned; exit code 0", async () => {
    const { place } = await someLog();
    const { code, out } = await run(place, "verify");
    expect(code).toBe(0);
    expect(out).toContain(`Intact: 6 records in 2 files in ${place.dir}`);
    expect(out).toContain("Signed: the first 6 records");
    expect(out).toContain("(the given key)");
    expect(JSON.parse((await run(place, "verify", "--json")).out)).toMatchObject({
      ok: true,
      records: 6,
      keyIsPinned: true,
    });
  });

  test("counts one file as one file", async () => {
    const place = newPlace();
    const { log } = await openLog(place, { clock: new HandClock() });
    await log.close();
    const { out } = await run(place, "verify");
    expect(out).toContain(` in 1 file in ${place.dir}`);
    expect(out).not.toMatch(/\b1 \w+s\b/);
  });

  test("takes a copy's own word for the key, and says so", async () => {
    const { place } = await someLog();
    const other = newPlace();
    expect((await run(other, "verify", place.dir)).out).toContain("the key is not pinned");
    const pub = join(other.root, "key.pub");
    writeFileSync(pub, (await verifyPlace(place)).publicKey!);
    expect((await run(other, "verify", place.dir, "--key", pub)).out).toContain("(the given key)");
  });

  test("exit code 4 with file, line and seq", async () => {
    const { place } = await someLog();
    writeFileSync(place.active, readFileSync(place.active, "utf8").replace('"mark"', '"merk"'));
    const { code, out } = await run(place, "verify");
    expect(code).toBe(4);
    expect(out).toStartWith(`NOT INTACT: ${place.active} line 2 (seq 4): the hash is wrong`);
    expect(JSON.parse((await run(place, "verify", "--json")).out)).toMatchObject({
      ok: false,
      fault: { line: 2, seq: 4 },
    });
  });

  test("holds a log against a checkpoint kept elsewhere", async () => {
    const { place } = await someLog();
    const kept = join(place.root, "kept");
    writeFileSync(kept, readFileSync(place.checkpoint));
    expect((await run(place, "verify", "--checkpoint", kept)).code).toBe(0);
    const { place: other } = await someLog();
    expect((await run(other, "verify", "--checkpoint", kept)).code).toBe(4);
  });

  test("shows a bar on a terminal while it reads, which is gone at the end, whatever the end is", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    for (let i = 0; i < 10; i++)
      await log.appendMany(Array.from({ length: 20 }, (_, at) => ({ ...intent(at), detail: "x".repeat(10_000) })));
    await log.close();
    const onTerminal = (...argv: string[]): Promise<Output> => run(place, ...argv, "--terminal");
    const sound = await onTerminal("verify");
    expect(sound).toMatchObject({ code: 0, out: expect.stringMatching(/^Intact: /) });
    expect(sound.err.replace("\r\u001b[K", "<gone>")).toMatch(/^(\r\[#*\.*\] +\d+ %){3,}<gone>$/);
    expect(sound.err).toContain("100 %");
    const text = readFileSync(place.active, "utf8");
    const at = text.lastIndexOf('"mark"');
    writeFileSync(place.active, `${text.slice(0, at)}"merk"${text.slice(at + 6)}`);
    const broken = await onTerminal("verify");
    expect(broken).toMatchObject({ code: 4, out: expect.stringMatching(/^NOT INTACT: /) });
    expect(broken.err).toEndWith("%\r\u001b[K");
    expect((await onTerminal("verify", "--json")).err).toBe("");
  });

  test("runs beside a live server", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const done = new AbortController();
    const writing = (async () => {
      while (!done.signal.aborted) await log.append(intent(1));
    })();
    for (let i = 0; i < 10; i++) expect(await run(place, "verify")).toMatchObject({ code: 0 });
    done.abort();
    await writing;
    await log.close();
  });
});

describe("audit tail, show, export", () => {
  test("tail shows the newest records last", async () => {
    const { place } = await someLog();
    const { code, out } = await run(place, "tail", "-n", "3");
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/ +/)[2]),
    ).toEqual(["checkpoint", "intent", "close"]);
    const { out: json } = await run(place, "tail", "--json", "-n", "99");
    expect(json.trimEnd().split("\n").length).toBe(6);
    expect(json).toEndWith(`${linesIn(place.active).at(-1)}\n`);
  });

  test("tail -f goes on as records come, across a rotation, until it is interrupted", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    await log.appendMany([intent(8), intent(9)]);
    let interrupt = (): void => {};
    const shown: string[] = [];
    let waiting: { text: string; resolve: () => void } | undefined;
    const process = Object.create(runtime.process, {
      onSignal: { value: (_: string, handler: () => void) => void (interrupt = handler) },
      stdout: {
        value: (text: string) => {
          shown.push(text);
          if (waiting && text.includes(waiting.text)) waiting.resolve();
        },
      },
    }) as Runtime["process"];
    const until = (text: string): Promise<void> =>
      shown.some((line) => line.includes(text))
        ? Promise.resolve()
        : new Promise((resolve) => (waiting = { text, resolve }));
    const argv = [
      "tail",
      "-f",
      "-n",
      "5",
      "--set",
      `audit.dir=${place.dir}`,
      "--set",
      `audit.checkpoint_key_file=${place.keyFile}`,
    ];
    const following = runAudit({ ...runtime, process }, argv);
    await log.append(intent(1));
    await until("STORY-1");
    clock.advanceDays(1);
    await log.append(intent(2));
    await until("STORY-2");
    interrupt();
    expect(await following).toBe(0);
    expect(shown.filter((line) => line.includes("intent")).map((line) => /STORY-\d/.exec(line)?.[0])).toEqual([
      "STORY-8",
      "STORY-9",
      "STORY-1",
      "STORY-2",
    ]);
    await log.close();
  });

  test("show prints every record of one dispatch, and drives no terminal", async () => {
    const { place, id } = await someLog();
    const { code, out } = await run(place, "show", id);
    expect(code).toBe(0);
    expect(out).toContain("queued");
    expect(out).not.toContain("\u001b");
    expect(
      (await run(place, "show", id, "--json")).out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).event),
    ).toEqual(["intent", "outcome"]);
    expect(await run(place, "show", newAuditId(0))).toMatchObject({ code: 1 });
  });

  test("export writes a range as the stored lines, or as CSV that no spreadsheet runs", async () => {
    const { place } = await someLog();
    const all = allRecords(place);
    const { out } = await run(place, "export");
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(all);
    const { out: day } = await run(place, "export", "--from", "2026-01-09", "--to", "2026-01-09");
    expect(day.trimEnd().split("\n").length).toBe(3);
    const { out: csv } = await run(place, "export", "--format", "csv", "--event", "outcome");
    expect(csv).toStartWith("seq,timestamp,event,");
    expect(csv).toContain(`"'=cmd|""x"""`);
    for (const [from, to, count] of [
      ["2026-01-09T09:00+01:00", "2026-01-09T08:00:00.001Z", 3],
      ["2026-01-09T08:00:00.001Z", "2026-01-10T07:59:59.999Z", 0],
      ["2026-01-10", "2026-01-10", 3],
    ] as const) {
      const { code, out: some } = await run(place, "export", "--from", from, "--to", to);
      expect({ from, code, lines: some.split("\n").length - 1 }).toEqual({ from, code: 0, lines: count });
    }
    for (const bad of ["yesterday", "2026-02-30", "2026-01-09T08:00", "2026-01-09T25:00Z", ""]) {
      expect(await run(place, "export", "--from", bad)).toMatchObject({
        code: 2,
        err: expect.stringContaining("--from: Expected a day"),
      });
    }
    expect(await run(place, "export", "--from", "2026-01-10", "--to", "2026-01-09")).toMatchObject({ code: 2 });
    expect(await run(place, "export", "--event", "bogus")).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("--event must be one of genesis, open, intent, outcome,"),
    });
    expect(await run(place, "export", "--format", "xml")).toMatchObject({ code: 2 });
  });
});

describe("audit prove, check-proof", () => {
  test("a proof that holds without the log, and none that was changed", async () => {
    const { place, id } = await someLog();
    const { code, out } = await run(place, "prove", id);
    expect(code).toBe(0);
    const file = join(place.root, "proof.json");
    writeFileSync(file, out);
    expect(await run(place, "check-proof", file, "--key", place.keyFile)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Holds: 2 records[^]*That these are all records of the dispatch, no proof can show/),
    });
    expect(JSON.parse((await run(place, "check-proof", file, "--json")).out)).toMatchObject({
      ok: true,
      key_is_pinned: false,
    });
    writeFileSync(file, out.replace("queued", "failed"));
    expect(await run(place, "check-proof", file)).toMatchObject({
      code: 4,
      out: expect.stringContaining("DOES NOT HOLD"),
    });
    expect(await run(place, "prove", newAuditId(0))).toMatchObject({ code: 1 });
  });
});

test("audit prove beside a server says until when, while nothing is signed yet", async () => {
  const place = newPlace();
  const { log } = await openLog(place);
  await log.append(intent(1));
  const { audit_id } = intent(1);
  expect(await run(place, "prove", audit_id)).toMatchObject({ code: 1, err: expect.stringContaining("within 60 s") });
  await log.seal();
  expect(await run(place, "prove", audit_id)).toMatchObject({ code: 0 });
  await log.close();
});

describe("Bad use", () => {
  for (const argv of [[], ["verfy"], ["verify", "a", "b"], ["tail", "-n", "many"], ["show"], ["check-proof"]]) {
    test(`audit ${argv.join(" ")}: exit code 2`, async () => {
      const place = newPlace();
      let code: number | undefined;
      try {
        code = await runAudit(runtime, argv);
      } catch (error) {
        code = (error as Fatal).exitCode;
      }
      expect(code).toBe(2);
      expect(place.root).toBeString();
    });
  }

  test("a folder that is not there: exit code 1 for reading, 4 for verifying", async () => {
    const place = newPlace();
    expect(await run(place, "tail")).toMatchObject({ code: 1 });
    expect(await run(place, "verify")).toMatchObject({ code: 1 });
    const { place: gone } = await someLog();
    rmSync(gone.dir, { recursive: true });
    expect(await run(gone, "verify")).toMatchObject({ code: 4, err: expect.stringContaining("there is no folder") });
  });
});
