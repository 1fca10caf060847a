import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { examineConfig, loadConfig } from "../../src/config/load.ts";
import { lineOf } from "../../src/config/mistakes.ts";
import { withFile } from "./inputs.ts";

const pem = (): string => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
const [key, keyBefore, secret] = [pem(), pem(), "0123456789abcdef0123456789abcdef"];
const files = { "/s/key": key, "/s/before": keyBefore, "/s/secret": secret };
const podium = (settings: object, more: object = {}) =>
  withFile(JSON.stringify({ podium: settings }), { files, ...more });
const mistakesIn = (settings: object, env = {}): string[] =>
  examineConfig(podium(settings, { env })).mistakes.map(lineOf);

describe("the private key for Podium's tokens", () => {
  test("comes from its file, or as a systemd credential", () => {
    const loaded = loadConfig(podium({ jwt_private_key_file: "/s/key", jwt_private_key_previous_file: "/s/before" }));
    expect(loaded.secrets).toEqual({
      podiumJwtPrivateKey: key.trimEnd(),
      podiumJwtPrivateKeyPrevious: keyBefore.trimEnd(),
    });
    expect(loaded.secretOrigins.podiumJwtPrivateKey).toBe("podium.jwt_private_key_file /s/key");
    const world = { files: { "/c/podium_jwt_private_key": key }, env: { CREDENTIALS_DIRECTORY: "/c" } };
    expect(loadConfig(withFile("{}", world)).secrets).toEqual({ podiumJwtPrivateKey: key.trimEnd() });
  });

  test("beside a secret is a mistake that names both", () => {
    const [mistake, ...others] = mistakesIn({ jwt_private_key_file: "/s/key" }, { PODIUM_JWT_SECRET: secret });
    expect(mistake).toBe(
      "podium.jwt_private_key_file /s/key: Expected a private key or a secret, not both: see PODIUM_JWT_SECRET",
    );
    expect(others).toEqual([]);
    const before = { jwt_private_key_previous_file: "/s/before", jwt_secret_previous_file: "/s/secret" };
    expect(mistakesIn({ jwt_private_key_file: "/s/key", ...before })).toHaveLength(1);
  });

  test("may follow a secret, and be followed by one: that is how one changes over", () => {
    for (const settings of [
      { jwt_private_key_file: "/s/key", jwt_secret_previous_file: "/s/secret" },
      { jwt_secret_file: "/s/secret", jwt_private_key_previous_file: "/s/before" },
    ]) {
      expect(loadConfig(podium(settings)).warnings).toEqual([]);
    }
  });

  test("that is none is a mistake, and nothing of it is repeated", () => {
    const [mistake] = examineConfig(podium({ jwt_private_key_file: "/s/secret" })).mistakes.map(lineOf);
    expect(mistake).toContain("Expected an Ed25519 private key in PKCS #8 PEM");
    expect(mistake).not.toContain(secret);
  });

  test("that others may open is warned about, and one without a newer one too", () => {
    const modes = { "/s/key": 0o644 };
    expect(loadConfig(podium({ jwt_private_key_file: "/s/key" }, { modes })).warnings).toEqual([
      "podium.jwt_private_key_file: other users may open /s/key (mode 0644); chmod 600 it",
    ]);
    expect(loadConfig(podium({ jwt_private_key_previous_file: "/s/before" })).warnings[0]).toContain("is not used");
  });
});
