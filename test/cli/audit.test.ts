import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

test("audit verify calls a file that is no checkpoint a wrong argument, and not a log that was edited", async () => {
  const root = newRoot();
  mkdirSync(`${root}/logs`, { mode: 0o700 });
  writeFileSync(`${root}/other`, "root:x:0:0:root:/root:/bin/sh\n");
  const verify = (...more: string[]) => runHere({ ROXY_ROOT: root }, ["audit", "verify", ...more]);
  const { code, stdout, stderr } = await verify("--checkpoint", `${root}/other`);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toStartWith(
    `roxy-core: --checkpoint: ${root}/other: it is not a signed checkpoint. See roxy-core audit`,
  );
  expect(await verify()).toMatchObject({ code: 4, stdout: expect.stringContaining("NOT INTACT") });
});

test("audit export says what a time looks like, without a word about URLs", async () => {
  const root = newRoot();
  const { code, stderr } = await runHere({ ROXY_ROOT: root }, ["audit", "export", "--from", "yesterday"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--from: Expected a day, or a time with its offset .*T09:00:00\+01:00\. See/);
});
