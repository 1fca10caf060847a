import type { z } from "zod";
import { Problem } from "../lib/errors.ts";
import { faultsOf } from "./problem.ts";

/**
 * The query of a URL by its schema; unknown and repeated parameters are refused by name.
 * @param values as Hono gives them: every value of every parameter
 * @throws Problem `invalid_request`
 */
export function parseQuery<S extends z.ZodType>(schema: S, values: Readonly<Record<string, string[]>>): z.output<S> {
  const twice = Object.keys(values).find((key) => values[key]!.length > 1);
  if (twice !== undefined) throw invalid(`/${twice}`, "This parameter stands twice");
  const single = Object.fromEntries(Object.entries(values).map(([key, [value]]) => [key, value]));
  const query = schema.safeParse(single);
  if (query.success) return query.data;
  const errors = faultsOf(query.error);
  throw new Problem("invalid_request", `${errors[0]?.pointer ?? ""}: ${errors[0]?.detail ?? "Invalid query"}`, {
    errors,
  });
}

/** One fault, at one place. */
export function invalid(pointer: string, detail: string): Problem {
  return new Problem("invalid_request", detail, { errors: [{ pointer, detail }] });
}
