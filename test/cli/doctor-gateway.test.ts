import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gatewayFindings, gatewaySays } from "../../src/cli/doctor-gateway.ts";
import type { Finding } from "../../src/cli/doctor-finding.ts";
import { createApi } from "../../src/cli/api.ts";
import { doctorCommand } from "../../src/cli/doctor.ts";
import { serverAddress } from "../../src/cli/server-address.ts";
import { runtime } from "#runtime";
import { newRoot } from "./stage.ts";

const named = `mark admin sha256:${runtime.sha256("somebody-elses-token")}\n`;
const own = "this-users-own-token";

/** What is said of the token, before a gateway that refuses whatever it is shown. */
async function tokenFindings(files: Readonly<Record<string, string>>, config: unknown): Promise<Finding[]> {
  const root = newRoot();
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(root, name), text, { mode: 0o600 });
  writeFileSync(path.join(root, "roxy-core.jsonc"), JSON.stringify(config), { mode: 0o600 });
  const body = { success: false, code: "unauthorized", detail: "A valid token is needed" };
  const gateway = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json(body, { status: 401 }) });
  try {
    const here = { ...runtime, process: { ...runtime.process, env: { ROXY_ROOT: root }, home: root, cwd: root } };
    const given = [{ name: "url", value: `http://127.0.0.1:${gateway.port}` }];
    const address = serverAddress(here, doctorCommand, given, { regardless: true });
    const found = await gatewayFindings(here, address, await gatewaySays(createApi(here, address)));
    const plain = (text: string): string => text.replaceAll(root, "ROOT").replaceAll(address.url, "URL");
    return found.map(({ detail, fix = "", ...rest }) => ({ ...rest, detail: plain(detail), fix: plain(fix) }));
  } finally {
    await gateway.stop(true);
  }
}

const wants = (which: string): string => `URL wants ${which}: A valid token is needed`;

test("a fix for the token fits what is wrong with it", async () => {
  const tokens = { auth: { token_file: "tokens" } };
  const digests = await tokenFindings({ tokens: named }, tokens);
  const putIt =
    "Put it into ROOT/secret.token; where this user has none yet, roxy-core token add NAME --role admin prints one";
  expect(digests.map(({ fix }) => fix)).toEqual([putIt, putIt]);
  expect(digests[0]?.detail).toEndWith("put this user's own token into ROOT/secret.token (mode 600)");
  expect(digests[1]?.detail).toBe(wants("a token"));
  expect(await tokenFindings({ tokens: named, "secret.token": own }, tokens)).toMatchObject([
    {
      detail: wants("another token"),
      fix: "Let the token in ROOT/secret.token in: roxy-core token add NAME --role admin --from ROOT/secret.token; or put one there that is let in",
    },
  ]);
  expect(await tokenFindings({ tokens: own }, tokens)).toMatchObject([
    {
      detail: wants("another token"),
      fix: "Set auth.token_file to the file that the gateway uses; ROOT/tokens is another",
    },
  ]);
  expect(await tokenFindings({}, {})).toMatchObject([
    { detail: wants("a token"), fix: "Set auth.token_file to the file that the gateway uses" },
  ]);
  const broken = await tokenFindings({}, tokens);
  expect(broken).toMatchObject([{ detail: wants("a token"), fix: expect.stringMatching(/^Mend the configuration/) }]);
});

test("what can't be read is named, and only that wants to be readable", async () => {
  const root = newRoot();
  mkdirSync(path.join(root, "secret.token"));
  writeFileSync(path.join(root, "tokens"), named, { mode: 0o600 });
  const env = { ROXY_ROOT: root };
  const here = { ...runtime, process: { ...runtime.process, env, home: root, cwd: root } };
  const { warnings, tokenFix } = serverAddress(here, doctorCommand, [{ name: "set", value: "auth.token_file=tokens" }]);
  expect(warnings).toEqual([expect.stringMatching(/^Cannot read \S+\/secret\.token, so no token is sent: /)]);
  expect(tokenFix).toStartWith("Let this user read it");
});
