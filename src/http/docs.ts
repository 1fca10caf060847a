import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { JsonObject } from "../wire/openapi.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

interface OperationObject {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

interface ParameterObject {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonObject;
}

type Content = Readonly<Record<string, { readonly schema?: { readonly $ref: string } }>>;

/** The contract as one page: every operation with its parameters, bodies and problems, then every schema. */
export function docsPage(document: JsonObject): Html {
  const { info, paths, components } = document as unknown as {
    info: { title: string; version: string; summary: string };
    paths: Record<string, Record<string, OperationObject>>;
    components: { schemas: Record<string, JsonObject> };
  };
  const operations = Object.entries(paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag));
    return html`<section>
      <h2>${tag}</h2>
      ${own.map(({ path, method, operation }) => operationPart(path, method, operation))}
    </section>`;
  });
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      html`<details id="schema-${name}">
        <summary>${name}</summary>
        <pre>${JSON.stringify(schema, null, 2)}</pre>
      </details>`,
  );
  const links = operations.map(
    ({ path, method, operation }) =>
      html`<li>
        <a href="#${operation.operationId}"><b>${method.toUpperCase()}</b> ${path}</a>
      </li>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${info.title} ${info.version}: API</title>
        <link rel="stylesheet" href="/docs/style.css" />
      </head>
      <body>
        <header>
          <h1>${info.title} <small>${info.version}</small></h1>
          <p>${info.summary}. The same for programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
          <nav>
            <ul>
              ${links}
            </ul>
          </nav>
        </header>
        <main>
          ${sections}
          <section>
            <h2>Schemas</h2>
            ${schemas}
          </section>
        </main>
      </body>
    </html>`;
}

function operationPart(path: string, method: string, operation: OperationObject): Html {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  return html`<article id="${operationId}">
    <h3><b>${method.toUpperCase()}</b> <code>${path}</code></h3>
    <p>${summary}.${description === undefined ? "" : ` ${description}`}</p>
    ${parameters ? parameterTable(parameters) : ""}
    ${requestBody ? html`<p>Body: ${schemaLinks(requestBody.content)}</p>` : ""}
    <table>
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">When</th>
          <th scope="col">Body</th>
        </tr>
      </thead>
      <tbody>
        ${Object.entries(responses).map(
          ([status, { description: when, content = {} }]) =>
            html`<tr>
              <td>${status}</td>
              <td>${when}</td>
              <td>${schemaLinks(content)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </article>`;
}

function parameterTable(parameters: readonly ParameterObject[]): Html {
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Parameter</th>
        <th scope="col">In</th>
        <th scope="col">What</th>
      </tr>
    </thead>
    <tbody>
      ${parameters.map(
        ({ name, in: where, required, description, schema }) =>
          html`<tr>
            <td><code>${name}</code>${required ? " (required)" : ""}</td>
            <td>${where}</td>
            <td>${description ?? constraintsOf(schema)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function constraintsOf({ description, ...rest }: JsonObject): string {
  if (typeof description === "string") return description;
  return Object.entries(rest)
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

function schemaLinks(content: Content): Html[] {
  return Object.entries(content).map(([mediaType, { schema }]) => {
    const name = schema?.$ref.split("/").at(-1);
    if (name === undefined) return html`<code>${mediaType}</code>`;
    return html`<a href="#schema-${name}">${name}</a> `;
  });
}

export const docsStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem 1.5rem 4rem; }
nav ul { columns: 20rem; list-style: none; padding: 0; font-size: 0.9rem; }
article { border-top: 1px solid #8886; padding: 0.5rem 0 1rem; }
h3 { font-size: 1.05rem; overflow-wrap: anywhere; }
b { font-size: 0.8em; letter-spacing: 0.04em; }
table { border-collapse: collapse; font-size: 0.9rem; margin: 0.5rem 0; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: 0.25rem 0.75rem 0.25rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
pre { background: #8881; overflow: auto; padding: 0.75rem; font-size: 0.85rem; }
summary { cursor: pointer; }
`;
