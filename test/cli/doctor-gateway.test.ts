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
const owned = "this-users-own-token";

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
  const ifNone =
    "where there is none yet, whoever runs the gateway makes one with roxy-core token add NAME --role admin";
  const own = `this user's own token into ROOT/secret.token (mode 600); ${ifNone}`;
  expect(digests.map(({ fix }) => fix)).toEqual([`Put ${own}`, `Put ${own}`]);
  expect(digests[0]?.detail).toEndWith("put this user's own token into ROOT/secret.token (mode 600)");
  expect(digests[1]?.detail).toBe(wants("a token"));
  const unknown =
    "The gateway does not know the token in ROOT/secret.token: whoever runs it lets it in with " +
    "roxy-core token add NAME --role admin --from FILE; or put one there that is let in";
  for (const [files, config] of [
    [{ tokens: named, "secret.token": owned }, tokens],
    [{ "secret.token": owned }, {}],
  ] as const) {
    expect(await tokenFindings(files, config)).toMatchObject([{ detail: wants("another token"), fix: unknown }]);
  }
  const elsewhere = `ROOT/tokens (auth.token_file) is not the gateway's: name the file that it uses, or put ${own}`;
  expect(await tokenFindings({ tokens: owned }, tokens)).toMatchObject([
    { detail: wants("another token"), fix: elsewhere },
  ]);
  expect(await tokenFindings({}, {})).toMatchObject([{ detail: wants("a token"), fix: `Put ${own}` }]);
  const broken = await tokenFindings({}, tokens);
  const mend = "Mend the configuration: while it has mistakes, its token is not sent. Without it: Put ";
  expect(broken).toMatchObject([{ detail: wants("a token"), fix: mend + own }]);
});

test("what can't be read is named, and only that wants to be readable", async () => {
  const root = newRoot();
  mkdirSync(path.join(root, "secret.token"));
  writeFileSync(path.join(root, "tokens"), named, { mode: 0o600 });
  const env = { ROXY_ROOT: root };
  const here = { ...runtime, process: { ...runtime.process, env, home: root, cwd: root } };
  const { warnings, tokenFix } = serverAddress(here, doctorCommand, [{ name: "set", value: "auth.token_file=tokens" }]);
  expect(warnings).toEqual([expect.stringMatching(/^Cannot read \S+\/secret\.token, so no token is sent: /)]);
  expect(tokenFix).toBe(`Let this user read ${root}/secret.token, or run as the user that it belongs to`);
});
