import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { defaultOf, knownKeysAt, settings, takesText } from "../../src/config/keys.ts";
import { auditDefaults, configFileSchema, configSchema, pathKeys } from "../../src/config/schema.ts";

const keys = settings.map(({ key }) => key);

describe("the schema", () => {
  test("has every section and key of the contract, and no other", () => {
    expect(keys).toEqual([
      ...["host", "port", "tcp", "socket", "allowed_hosts", "allowed_origins"].map((key) => `listen.${key}`),
      ...[
        "url",
        "ws_url",
        "jwt_secret_file",
        "jwt_secret_previous_file",
        "jwt_private_key_file",
        "jwt_private_key_previous_file",
        "token_ttl_s",
        "stream_token_ttl_s",
        "timeout_ms",
        "max_in_flight",
        "queue_limit",
      ].map((key) => `podium.${key}`),
      ...["enqueue_story", "cancel_story", "prepare_apply", "apply_plan", "enqueue_plan", "halt", "status"].map(
        (action) => `podium.routes.${action}`,
      ),
      ...["dir", "retention_days", "checkpoint_key_file", "disk_reserve_mb"].map((key) => `audit.${key}`),
      ...["dispatch_per_minute", "story_cooldown_s", "body_bytes_max"].map((key) => `limits.${key}`),
      ...["types", "history", "client_queue_bytes_max"].map((key) => `stream.${key}`),
      ...["clients_max", "clients_per_address_max", "terminal_statuses"].map((key) => `stream.${key}`),
      "auth.token_file",
      "log.level",
      "log.format",
      "services",
    ]);
  });

  test("has the defaults that the user set", () => {
    const config = configSchema.parse({ audit: auditDefaults("/r") });
    expect(config.listen).toMatchObject({ host: "127.0.0.1", port: 8000 });
    expect(config.podium).toMatchObject({ url: "http://127.0.0.1:3847", ws_url: "ws://127.0.0.1:3847/ws" });
    expect(config.podium).toMatchObject({ max_in_flight: 1, token_ttl_s: 60, stream_token_ttl_s: 3600 });
    expect(config.limits).toMatchObject({ dispatch_per_minute: 10, story_cooldown_s: 5 });
    expect(config.audit).toMatchObject({ retention_days: 90, dir: "/r/logs" });
  });

  test("says of every setting what it means and what it expects", () => {
    for (const setting of settings.filter(({ key }) => !key.startsWith("podium.routes."))) {
      expect({ key: setting.key, told: setting.description }).toEqual({ key: setting.key, told: expect.any(String) });
      expect({ key: setting.key, expected: setting.expected }).not.toEqual({
        key: setting.key,
        expected: "an object in braces",
      });
    }
  });

  test("has a unit in the expectation of every key that ends in one", () => {
    const units: Readonly<Record<string, string>> = { _s: "seconds", _ms: "milliseconds", _days: "days", _mb: "MiB" };
    for (const { key, expected } of settings) {
      const unit = Object.entries(units).find(([ending]) => key.endsWith(ending))?.[1];
      if (unit !== undefined) expect(expected).toContain(`of ${unit} `);
    }
    expect(settings.filter(({ key }) => /_(s|ms|days|mb)$/.test(key))).toHaveLength(6);
  });

  test("lists every key that holds a path", () => {
    const named = keys.filter((key) => /(_file|\.dir|\.socket)$/.test(key));
    expect([...pathKeys] as string[]).toEqual(named);
  });

  test("lets the file leave out everything, and hold $schema", () => {
    expect(configFileSchema.safeParse({}).success).toBe(true);
    expect(configFileSchema.safeParse({ $schema: "./x.json", audit: {} }).success).toBe(true);
    expect(configSchema.safeParse({}).success).toBe(false);
  });

  test("becomes a JSON Schema in which nothing is required of the whole", () => {
    const schema = z.toJSONSchema(configFileSchema, { io: "input" }) as z.core.JSONSchema.JSONSchema;
    expect(schema.required).toBeUndefined();
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties?.["audit"]).not.toHaveProperty("required");
  });
});

describe("keys", () => {
  test("knows what belongs at a place, through lists and defaults", () => {
    expect(knownKeysAt(["log"])).toEqual(["level", "format"]);
    expect(knownKeysAt(["podium", "routes", "halt"])).toEqual(["method", "path", "body"]);
    expect(knownKeysAt(["services", 3])).toEqual(["name", "url", "health"]);
    expect(knownKeysAt(["listen", "port"])).toBeUndefined();
    expect(knownKeysAt(["nowhere"])).toBeUndefined();
    expect(knownKeysAt(["constructor"])).toBeUndefined();
  });

  test("knows where text belongs", () => {
    expect(takesText(["audit", "dir"])).toBe(true);
    expect(takesText(["log", "level"])).toBe(true);
    expect(takesText(["listen", "port"])).toBe(false);
    expect(takesText(["stream", "types"])).toBe(false);
  });

  test("has for each setting the default that the schema gives", () => {
    const config = configSchema.parse({ audit: auditDefaults("/r") });
    for (const setting of settings) {
      const value = setting.path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], config);
      expect({ key: setting.key, value: defaultOf(setting, "/r") }).toEqual({ key: setting.key, value });
    }
  });
});
