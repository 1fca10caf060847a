import { z } from "zod";
import type { ProblemCode } from "../lib/errors.ts";
import { problemCodes } from "../lib/errors.ts";
import type { Operation } from "./operations.ts";
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
  for (const operation of operations) {
    const { answer, body } = operation;
    if ("schema" in answer) schemas[answer.name] = jsonSchema(answer.schema, "output");
    if (body) schemas[body.name] = jsonSchema(body.schema, "input");
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationObject(operation) };
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
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
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

function operationObject({ id, tag, summary, description, body, open, ...operation }: Operation): JsonObject {
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(open && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: refTo(body.name) } } } }),
    responses: { "200": answerObject(operation), ...problemsOf(operation, open === true) },
  };
}

function answerObject({ answer }: Pick<Operation, "answer">): JsonObject {
  if (!("schema" in answer)) return { description: answer.description, content: { [answer.mediaType]: {} } };
  return { description: "Done", content: { "application/json": { schema: refTo(answer.name) } } };
}

function problemsOf({ problems = [] }: Pick<Operation, "problems">, open: boolean): JsonObject {
  const codes = [...problems, ...commonProblems.filter((code) => !open || code !== "unauthorized")];
  const byStatus = Map.groupBy(codes, (code) => String(problemCodes[code].status));
  const content = { "application/problem+json": { schema: refTo("Problem") } };
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => {
      const description = same.map((code) => `\`${code}\`: ${problemCodes[code].title}`).join("; ");
      return [status, { description, content }];
    }),
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
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io, unrepresentable: "any" });
  return rest;
}
