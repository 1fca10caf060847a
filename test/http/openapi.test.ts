import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020";
import { createApp } from "../../src/http/app.ts";
import { silentLog } from "../../src/lib/log.ts";
import { Problem, problemCodes } from "../../src/lib/errors.ts";
import { openApiDocument } from "../../src/wire/openapi.ts";
import { operations } from "../../src/wire/operations.ts";
import { problemDocument, problemSchema } from "../../src/wire/problem.ts";
import { said } from "../dispatch/scripted-podium.ts";
import { assertContract } from "../e2e/contract.ts";
import type { Answer } from "../e2e/http-client.ts";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";
import { doorkeeperOf } from "./doorkeeper.ts";

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

describe("the document is OpenAPI 3.1", () => {
  test("by its meta-schema, which knows a broken one", async () => {
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true });
    const broken = structuredClone(document);
    delete broken["paths"]["/health"].get.responses["200"].description;
    expect(await new Validator().validate(broken)).toMatchObject({ valid: false });
  });

  test("its schemas are JSON Schema 2020-12 without a word that means nothing there", () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, validateFormats: false });
    ajv.addSchema({ components: document["components"], $id: "contract" }, undefined, false, false);
    for (const name of Object.keys(document["components"].schemas as Node)) {
      expect(name).toMatch(/^[A-Za-z0-9._-]+$/);
      ajv.compile(document["components"].schemas[name] as Node);
    }
    for (const { operation } of allOperations) {
      for (const { schema } of (operation["parameters"] ?? []) as Node[]) ajv.compile(schema as Node);
    }
    const refs = JSON.stringify(document["paths"]).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g);
    for (const [, name] of refs) expect(document["components"].schemas).toHaveProperty(name!);
  });

  test("a page's length has its bounds and what it is without one", () => {
    const { parameters } = document["paths"]["/api/orchestrator/jobs"].get;
    const { schema } = (parameters as Node[]).find(({ name }) => name === "limit")!;
    expect(schema).toEqual({ type: "integer", minimum: 1, maximum: 200, default: 50 });
  });

  test("what no meta-schema says: parameters of the path, ids that are used once, schemes that are there", () => {
    const schemes = Object.keys(document["components"].securitySchemes);
    for (const requirement of document["security"]) {
      for (const name of Object.keys(requirement)) expect(schemes).toContain(name);
    }
    for (const { path, method, operation } of allOperations) {
      const parameters = (operation["parameters"] ?? []) as Node[];
      const keys = parameters.map((parameter) => `${parameter["in"]} ${parameter["name"]}`);
      expect(new Set(keys).size, `${method} ${path}`).toBe(keys.length);
      const inPath = parameters.filter((parameter) => parameter["in"] === "path").map(({ name }) => name as string);
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!));
    }
    const ids = allOperations.map(({ operation }) => operation["operationId"] as string);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("the tests' own watch over answers", () => {
  const answer = (status: number, type: string, body: unknown, more: Record<string, string> = {}): Answer => ({
    status,
    headers: new Headers({ "x-request-id": "REQ-1", "content-type": type, ...more }),
    text: JSON.stringify(body),
    json: body,
  });
  const health = { success: true, status: "ok" };

  test("takes what the document tells of", () => {
    assertContract("GET", "/health?x=1", answer(200, "application/json", health));
    assertContract("GET", "/health", { ...answer(431, "", ""), headers: new Headers() });
  });

  test.each([
    ["another status", answer(202, "application/json", health)],
    ["another type", answer(200, "text/plain", health)],
    ["a field too many", answer(200, "application/json", { ...health, secret: 1 })],
    ["a field too few", answer(200, "application/json", { success: true })],
    [
      "an answer that never went through our hands",
      { ...answer(200, "application/json", health), headers: new Headers() },
    ],
  ])("does not take %s", (_name, wrong) => {
    expect(() => assertContract("GET", "/health", wrong)).toThrow("breaks the contract");
  });

  test("does not take what is nowhere in the document, or lacks a header that it promises", () => {
    const problem = problemDocument(new Problem("rate_limited", "ten in the last minute"));
    const limited = answer(429, "application/problem+json", problem);
    expect(() => assertContract("GET", "/secret", answer(200, "application/json", health))).toThrow(
      "not in the document",
    );
    expect(() => assertContract("POST", "/api/orchestrator/dispatch", limited)).toThrow("Retry-After");
  });
});

describe("the document is our contract", () => {
  test("what is routed is in it, and what is in it is routed", () => {
    const app = createApp({
      ...({} as Parameters<typeof createApp>[0]),
      panel: {},
      guard: { host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] },
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

  test("a dispatch answers as it says, in success and in refusal", async () => {
    const good = await counter.dispatch({ action: "enqueue_story", payload: { story_id: "S-1" } });
    operations.dispatch.answer.schema.parse(await good.json());
    problemSchema.strict().parse(await (await counter.dispatch({ action: "fly" })).json());
    problemSchema.strict().parse(await (await counter.ask("/nowhere")).json());
  });
});

describe("/openapi.json and /docs", () => {
  test("are read without a token, and hold the same operations", async () => {
    const { ask, desk } = await openCounter({ doorkeeper: doorkeeperOf("a-token-0123456789") });
    expect((await ask("/api/session")).status).toBe(401);
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
