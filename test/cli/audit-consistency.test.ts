import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { makeLog } from "./audit-log.ts";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

const story = { event: "intent", action: "enqueue_story", source: "cli", user_id: "mark" } as const;

async function stage() {
  const root = newRoot();
  mkdirSync(root, { recursive: true, mode: 0o700 });
  await makeLog(root, [[{ ...story, story_id: "S-1" }]]);
  const kept = `${root}/kept.note`;
  copyFileSync(`${root}/logs/orchestrator-audit.checkpoint`, kept);
  await makeLog(root, [[{ ...story, story_id: "S-2" }]]);
  const audit = (...words: string[]) => runHere({ ROXY_ROOT: root }, ["audit", ...words]);
  const proof = `${root}/grown.txt`;
  return { root, kept, audit, proof, key: `${root}/keys/audit-ed25519.key` };
}

test("a log that has grown is proven to whoever keeps a checkpoint; each wrong word is named", async () => {
  const { root, kept, audit, proof, key } = await stage();
  const made = await audit("prove-consistency", kept);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  writeFileSync(proof, made.stdout);
  const holds = await audit("check-consistency", proof, kept, "--key", key);
  expect(holds).toMatchObject({ code: 0, stderr: "" });
  expect(holds.stdout).toMatch(
    /^Holds: the tree of 6 records of roxy-core\/\S+, signed with the given key, begins with the 3 /,
  );
  const json = JSON.parse((await audit("check-consistency", proof, kept, "--key", key, "--json")).stdout);
  expect(json).toMatchObject({ ok: true, since: 3, size: 6 });

  writeFileSync(proof, made.stdout.replace("old 3", "old 4"));
  const broken = await audit("check-consistency", proof, kept, "--key", key);
  expect(broken).toMatchObject({ code: 4, stdout: expect.stringContaining("DOES NOT HOLD: the proof goes on from 4") });
  expect(JSON.parse((await audit("check-consistency", proof, kept, "--key", key, "--json")).stdout).ok).toBe(false);

  expect(await audit("check-consistency", proof, kept)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--key is missing"),
  });
  expect(await audit("prove-consistency", proof)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("it is not a signed checkpoint"),
  });
  expect(await audit("check-consistency", `${root}/nothing`, kept, "--key", key)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Cannot read ${root}/nothing`),
  });
});

test("a log that was made anew does not go on from the old one's checkpoint: exit code 4, and nothing is printed", async () => {
  const { root, kept, audit } = await stage();
  const note = readFileSync(kept, "utf8");
  writeFileSync(kept, note.replace(/\n[A-Za-z0-9+/]{43}=\n/, `\n${new Uint8Array(32).toBase64()}\n`));
  expect(await audit("prove-consistency", kept)).toMatchObject({
    code: 4,
    stdout: "",
    stderr: expect.stringContaining(`${root}/logs/orchestrator-audit.checkpoint does not go on from`),
  });
});
