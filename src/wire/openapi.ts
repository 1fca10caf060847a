import { z } from "zod";
import type { ProblemCode } from "../lib/errors.ts";
import { problemCodes } from "../lib/errors.ts";
import type { Answer, Operation } from "./operations.ts";
import { operations } from "./operations.ts";
import { problemSchema } from "./problem.ts";

/** The contract as an OpenAPI 3.1 document, made from the schemas that validate. */

export interface JsonObject {
  readonly [key: string]: unknown;
}

/** What any request may end in, before anybody has looked at what it wants. */
const commonProblems: readonly ProblemCode[] = ["unauthorized", "forbidden_host", "forbidden_origin", "internal_error"];

export function openApiDocument(version: string): JsonObject {
  const schemas: Record<string, unknown> = { Problem: jsonSchema(problemSchema, "output") };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    const { answer, problem, body } = operation;
    for (const one of [answer, problem]) {
      if (one && "schema" in one) schemas[one.name] = jsonSchema(one.schema, "output");
    }
    if (body) schemas[body.name] = jsonSchema(body.schema, "input");
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationObject(id, operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "roxy-core",
      version,
      summary: "The one audited door in front of an agent orchestrator",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(Object.values(operations).map(({ tag }) => tag))].map((name) => ({ name })),
    // Where auth.token_file is not set, local clients need none of them.
    security: [{}, { bearer: [] }, { token: [] }, { session: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        token: { type: "apiKey", in: "header", name: "X-ROXY-Token" },
        session: { type: "apiKey", in: "cookie", name: "roxy_session" },
      },
    },
  };
}

function operationObject(id: string, { tag, summary, description, body, open, ...operation }: Operation): JsonObject {
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(open && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: refTo(body.name) } } } }),
    responses: { ...answersOf(operation), ...problemsOf(operation, open === true) },
  };
}

function answersOf({ answer, instead }: Pick<Operation, "answer" | "instead">): JsonObject {
  const answers = instead ? [answer, instead] : [answer];
  return Object.fromEntries(answers.map((one) => [String(one.status ?? 200), answerObject(one)]));
}

function answerObject(answer: Answer): JsonObject {
  const headers = answer.headers && { headers: headerObjects(answer.headers, false) };
  if ("schema" in answer) {
    const description = answer.status === 503 ? "Not now" : "Done";
    const mediaType = answer.mediaType ?? "application/json";
    return { description, ...headers, content: { [mediaType]: { schema: refTo(answer.name) } } };
  }
  const { description } = answer;
  return { description, ...headers, ...("mediaType" in answer && { content: { [answer.mediaType]: {} } }) };
}

function problemsOf({ problems = [], problem }: Pick<Operation, "problems" | "problem">, open: boolean): JsonObject {
  const codes = [...problems, ...commonProblems.filter((code) => !open || code !== "unauthorized")];
  const byStatus = Map.groupBy(codes, (code) => problemCodes[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => {
      const description = same.map((code) => `\`${code}\`: ${problemCodes[code].title}`).join("; ");
      // Only a status that nothing but our own question to Podium can end in says more.
      const schema = refTo(problem && status > 500 ? problem.name : "Problem");
      const promised: Headers = Object.assign({}, ...same.map((code) => problemHeaders[code]));
      const headers = Object.keys(promised).length > 0 && { headers: headerObjects(promised, true) };
      return [status, { description, ...headers, content: { "application/problem+json": { schema } } }];
    }),
  );
}

type Headers = Readonly<Record<string, string>>;
const retryAfter = { "Retry-After": "Seconds to wait." };
const limited = {
  ...retryAfter,
  RateLimit: "What is left, and seconds until there is more.",
  "RateLimit-Policy": "What may be had: of dispatches in how many seconds, of searches of the audit log at a time.",
};
/** What a refusal brings along. */
const problemHeaders: Readonly<Partial<Record<ProblemCode, Headers>>> = {
  unauthorized: { "WWW-Authenticate": "Bearer" },
  in_flight: retryAfter,
  rate_limited: limited,
  story_cooldown: limited,
};

function headerObjects(headers: Headers, required: boolean): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { description, ...(required && { required }), schema: { type: "string" } },
    ]),
  );
}

function parametersOf({ path, query, headers = {} }: Pick<Operation, "path" | "query" | "headers">): JsonObject[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const { properties = {}, required = [] } = query ? jsonSchema(query, "input") : {};
  const inQuery = Object.entries(properties as Record<string, JsonObject>).map(([name, schema]) => ({
    name,
    in: "query",
    required: (required as string[]).includes(name),
    schema,
  }));
  const inHeader = Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    description,
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function refTo(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    io,
    unrepresentable: "any",
    // zod leaves it out where text is read as something else first.
    override({ zodSchema: { _zod }, jsonSchema: made }) {
      if (_zod.def.type === "default") made.default = _zod.def.defaultValue;
    },
  });
  return rest;
}
