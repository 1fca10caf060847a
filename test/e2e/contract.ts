import Ajv2020 from "ajv/dist/2020";
import type { ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { openApiDocument } from "../../src/wire/openapi.ts";
import type { Answer, Json } from "./http-client.ts";

/**
 * Holds every answer that the black-box suites see to `/openapi.json`: its status, its media type and its body must be
 * ones that the operation tells of. The served document is the one made here (test/http/openapi.test.ts).
 */

const document: Json = openApiDocument("0.0.0");
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ ...document, $id: "contract" });

/** Pages for people, and the document itself. */
const pages = /^\/(?:api|docs(?:\/style\.css)?|openapi\.json|panel\/[\w.-]+)?$/;
/** What a server answers by itself to what is hardly HTTP, before we see it. */
const serverRefusals: ReadonlySet<number> = new Set([400, 413, 414, 431]);

const templates = Object.keys(document.paths)
  .map((template) => ({ template, fits: new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`) }))
  // A fixed segment beats a parameter, as in the router.
  .toSorted((a, b) => Number(a.template.includes("{")) - Number(b.template.includes("{")));

/** @throws Error when the answer is not one that the contract tells of */
export function assertContract(method: string, target: string, answer: Answer): void {
  const wrong = breachOf(method, pathOf(target), answer);
  if (wrong === undefined) return;
  throw new Error(`${method} ${target} answered ${answer.status}, which breaks the contract: ${wrong}\n${answer.text}`);
}

/** Without its query, and with its dot segments gone (RFC 3986 section 5.2.4). */
function pathOf(target: string): string {
  const url = `http://localhost${target}`;
  return URL.canParse(url) ? new URL(url).pathname : target.replace(/[?#].*$/, "");
}

function breachOf(method: string, path: string, answer: Answer): string | undefined {
  const { status, headers } = answer;
  if (status === 101) return undefined === operationOf("GET", path)?.responses["101"] ? "no upgrade here" : undefined;
  // Every answer of ours has it.
  if (!headers.has("x-request-id")) return serverRefusals.has(status) ? undefined : "it has no X-Request-Id";
  if (method === "OPTIONS" && status === 204) return undefined;
  const operation = operationOf(method, path);
  if (operation) return breachOfOperation(operation, method, answer);
  if (status < 400) return pages.test(path) ? undefined : "it is not in the document";
  return method === "HEAD" ? undefined : bodyBreach(problemContent, answer);
}

const problemContent = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };

function operationOf(method: string, path: string): Json {
  const found = templates.find(({ fits }) => fits.test(path));
  return found && document.paths[found.template][method === "HEAD" ? "get" : method.toLowerCase()];
}

function breachOfOperation({ responses }: Json, method: string, answer: Answer): string | undefined {
  const response = responses[answer.status];
  if (!response) return `only ${Object.keys(responses).join(", ")} are told of`;
  for (const [name, { required }] of Object.entries<Json>(response.headers ?? {})) {
    if (required && !answer.headers.has(name)) return `it lacks ${name}`;
  }
  return method === "HEAD" ? undefined : bodyBreach(response.content ?? {}, answer);
}

function bodyBreach(content: Json, { headers, text }: Answer): string | undefined {
  if (Object.keys(content).length === 0) return text === "" ? undefined : "it has a body";
  const type = (headers.get("content-type") ?? "").replace(/;.*$/, "");
  if (!(type in content)) return `its type is "${type}", not ${Object.keys(content).join(" or ")}`;
  const { schema } = content[type];
  if (!schema) return undefined;
  const validate = validatorOf(schema.$ref);
  if (validate(JSON.parse(text))) return undefined;
  return ajv.errorsText(validate.errors, { dataVar: "body" });
}

const validators = new Map<string, ValidateFunction>();

function validatorOf(ref: string): ValidateFunction {
  const made = validators.get(ref) ?? ajv.compile({ $ref: `contract${ref}` });
  validators.set(ref, made);
  return made;
}
