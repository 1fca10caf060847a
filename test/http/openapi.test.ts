import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createApp } from "../../src/http/app.ts";
import { trustLocal } from "../../src/http/authenticate.ts";
import { silentLog } from "../../src/lib/log.ts";
import { problemCodes } from "../../src/lib/errors.ts";
import { openApiDocument } from "../../src/wire/openapi.ts";
import { operations } from "../../src/wire/operations.ts";
import { problemSchema } from "../../src/wire/problem.ts";
import { said } from "../dispatch/scripted-podium.ts";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";

type Node = Record<string, any>;
const document: Node = openApiDocument("1.2.3");
const allOperations = Object.entries(document["paths"] as Node).flatMap(([path, item]) =>
  Object.entries(item as Node).map(([method, operation]) => ({ path, method, operation: operation as Node })),
);

let counter: Counter;
beforeAll(async () => {
  counter = await openCounter();
  counter.desk.podium.rule = ({ request }) =>
    said(200, request.method === "GET" ? '{"stories":[]}' : '{"success":true}');
});
afterAll(() => counter.desk.close());

/** Which keys an object of OpenAPI 3.1.0 may have, and which it must (section 4.8). */
const shapes: Record<string, { must: string[]; may: string[] }> = {
  document: {
    must: ["openapi", "info", "paths"],
    may: ["servers", "tags", "security", "components", "jsonSchemaDialect", "webhooks", "externalDocs"],
  },
  info: { must: ["title", "version"], may: ["summary", "description", "license", "contact", "termsOfService"] },
  operation: {
    must: ["responses"],
    may: ["operationId", "tags", "summary", "description", "security", "parameters", "requestBody", "deprecated"],
  },
  parameter: { must: ["name", "in", "schema"], may: ["required", "description", "deprecated", "example"] },
  response: { must: ["description"], may: ["content", "headers", "links"] },
  body: { must: ["content"], may: ["description", "required"] },
  mediaType: { must: [], may: ["schema", "example", "examples", "encoding"] },
};

function expectShape(name: keyof typeof shapes, node: Node, where: string): void {
  const { must, may } = shapes[name]!;
  for (const key of must) expect(node, where).toHaveProperty(key);
  for (const key of Object.keys(node)) expect([...must, ...may], `${where}: ${key}`).toContain(key);
}

/** JSON Schema 2020-12: the keywords that may stand in a schema, by what stands below them. */
const schemaKeywords = {
  schema: ["items", "additionalProperties", "propertyNames", "not", "contains", "if", "then", "else"],
  list: ["anyOf", "oneOf", "allOf", "prefixItems"],
  map: ["properties", "patternProperties", "$defs"],
  value: ["type", "const", "enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "required"]
    .concat(["minItems", "maxItems", "default", "description", "title", "$ref", "exclusiveMinimum", "exclusiveMaximum"])
    .concat(["minProperties", "maxProperties", "multipleOf", "uniqueItems"]),
};

function expectSchema(schema: unknown, where: string): void {
  if (typeof schema === "boolean") return;
  expect(typeof schema, where).toBe("object");
  for (const [key, value] of Object.entries(schema as Node)) {
    const at = `${where}/${key}`;
    if (schemaKeywords.schema.includes(key)) expectSchema(value, at);
    else if (schemaKeywords.list.includes(key)) for (const one of value as unknown[]) expectSchema(one, at);
    else if (schemaKeywords.map.includes(key)) for (const one of Object.values(value as Node)) expectSchema(one, at);
    else expect(schemaKeywords.value, at).toContain(key);
    if (key === "pattern") expect(() => new RegExp(value as string, "u"), at).not.toThrow();
    if (key === "$ref") expect(resolved(value as string), at).toBeDefined();
  }
}

function resolved(ref: string): unknown {
  const steps = ref.replace(/^#\//, "").split("/");
  return steps.reduce<any>((node, step) => node?.[step], document);
}

describe("the document is OpenAPI 3.1, by its structure", () => {
  test("document, info, tags, servers and security schemes", () => {
    expectShape("document", document, "");
    expectShape("info", document["info"], "info");
    expect(document["openapi"]).toMatch(/^3\.1\.\d+$/);
    const schemes = Object.keys(document["components"].securitySchemes);
    for (const requirement of document["security"]) {
      for (const name of Object.keys(requirement)) expect(schemes).toContain(name);
    }
  });

  test("operations, parameters, bodies and responses", () => {
    for (const { path, method, operation } of allOperations) {
      const where = `${method} ${path}`;
      expect(path).toStartWith("/");
      expect(["get", "post", "put", "delete", "patch", "head", "options", "trace"]).toContain(method);
      expectShape("operation", operation, where);
      const parameters = (operation["parameters"] ?? []) as Node[];
      for (const parameter of parameters) {
        expectShape("parameter", parameter, where);
        expect(["path", "query", "header", "cookie"]).toContain(parameter["in"]);
        if (parameter["in"] === "path") expect(parameter["required"]).toBe(true);
        expectSchema(parameter["schema"], `${where} ${parameter["name"]}`);
      }
      const keys = parameters.map((parameter) => `${parameter["in"]} ${parameter["name"]}`);
      expect(new Set(keys).size, where).toBe(keys.length);
      const inPath = parameters.filter((parameter) => parameter["in"] === "path").map(({ name }) => name as string);
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!));
      if (operation["requestBody"]) expectShape("body", operation["requestBody"], where);
      const contents: Node[] = [operation["requestBody"]?.content ?? {}];
      for (const [status, response] of Object.entries(operation["responses"] as Node)) {
        expect(status).toMatch(/^[1-5]\d\d$/);
        expectShape("response", response as Node, `${where} ${status}`);
        contents.push((response as Node)["content"] ?? {});
      }
      for (const content of contents) {
        for (const [mediaType, media] of Object.entries(content)) {
          expect(mediaType).toMatch(/^[a-z]+\/[a-z+-]+$/);
          expectShape("mediaType", media as Node, where);
          if ((media as Node)["schema"]) expectSchema((media as Node)["schema"], where);
        }
      }
    }
  });

  test("schemas are JSON Schema 2020-12, and every reference leads somewhere", () => {
    for (const [name, schema] of Object.entries(document["components"].schemas as Node)) {
      expect(name).toMatch(/^[A-Za-z0-9._-]+$/);
      expectSchema(schema, name);
    }
  });

  test("no two operations share an id", () => {
    const ids = allOperations.map(({ operation }) => operation["operationId"] as string);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("the document is our contract", () => {
  test("what is routed is in it, and what is in it is routed", () => {
    const app = createApp({
      ...({} as Parameters<typeof createApp>[0]),
      panel: {},
      guard: { host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] },
      authenticate: trustLocal,
      log: silentLog,
      metrics: () => Promise.resolve(""),
    });
    // Pages for people, and the document itself.
    const others = ["get /", "get /api", "get /openapi.json", "get /docs", "get /docs/style.css"];
    const routed = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    const told = allOperations.map(({ path, method }) => `${method} ${path}`);
    expect([...new Set(routed)].filter((route) => !others.includes(route)).toSorted()).toEqual(told.toSorted());
  });

  test("every problem code of ours is in some operation", () => {
    const text = JSON.stringify(document["paths"]);
    const absent = Object.keys(problemCodes).filter((code) => !text.includes(`\`${code}\``));
    // Any path may be asked with a wrong method; a client that hung up sees no answer.
    expect(absent).toEqual(["method_not_allowed", "cancelled_by_client"]);
  });

  const asked: [id: string, path: string][] = [
    ["health", "/health"],
    ["session", "/api/session"],
    ["services", "/api/services"],
    ["jobs", "/api/orchestrator/jobs?limit=5"],
    ["job", "/api/orchestrator/status/JOB-20260109-001"],
  ];

  test.each(asked)("%s answers as it says", async (id, path) => {
    await counter.dispatch({ action: "halt" });
    const { answer } = operations.find((operation) => operation.id === id)!;
    const response = await counter.ask(path);
    expect(response.status).toBe(200);
    if (!("schema" in answer)) throw new Error("an answer by schema");
    answer.schema.parse(await response.json());
  });

  test("a dispatch answers as it says, in success and in refusal", async () => {
    const { answer } = operations.find(({ id }) => id === "dispatch")!;
    const good = await counter.dispatch({ action: "enqueue_story", payload: { story_id: "S-1" } });
    if ("schema" in answer) answer.schema.parse(await good.json());
    problemSchema.strict().parse(await (await counter.dispatch({ action: "fly" })).json());
    problemSchema.strict().parse(await (await counter.ask("/nowhere")).json());
  });
});

describe("/openapi.json and /docs", () => {
  test("are read without a token, and hold the same operations", async () => {
    const { ask, desk } = await openCounter({
      authenticate: () => {
        throw new Error("asked for a token");
      },
    });
    const served = (await (await ask("/openapi.json")).json()) as Node;
    expect(served["paths"]).toEqual(JSON.parse(JSON.stringify(document["paths"])));
    const page = await (await ask("/docs")).text();
    for (const { path, operation } of allOperations) {
      expect(page).toContain(`<code>${path}</code>`);
      expect(page).toContain(`id="${operation["operationId"]}"`);
    }
    await desk.close();
  });

  test("the page needs nothing from elsewhere and runs nothing", async () => {
    const response = await counter.ask("/docs");
    const page = await response.text();
    expect(page).not.toMatch(/<script|<style|\son\w+=|style=|https?:/i);
    expect(response.headers.get("content-type")).toContain("text/html");
    const policy = response.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|script-src|https?:|\*/);
    const style = await counter.ask("/docs/style.css");
    expect(style.headers.get("content-type")).toContain("text/css");
    expect(await style.text()).not.toMatch(/@import|url\(/);
    for (const [, target] of page.matchAll(/href="([^"]+)"/g)) {
      if (target!.startsWith("#")) expect(page, target).toContain(`id="${target!.slice(1)}"`);
      else expect((await counter.ask(target!)).status, target).toBe(200);
    }
  });
});
