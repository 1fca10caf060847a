import type { z } from "zod";
import type { Fault } from "../lib/errors.ts";
import { messageOf } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import { faultsOf } from "../wire/problem.ts";

/** A file that people edit can't be used: says which, where in it, and what was expected. */
export class BadFile extends Error {
  override readonly name = "BadFile";
}

/** More faults than this are a wrong file, not a list of slips to work through. */
const faultsShownMax = 5;

/** Reads a JSON file that people edit. @throws BadFile when it is missing, too long, not JSON or not of this shape */
export function readJsonFile<S extends z.ZodType>(
  files: Files,
  path: string,
  bytesMax: number,
  schema: S,
): z.output<S> {
  const checked = schema.safeParse(parseFile(files, path, bytesMax));
  if (!checked.success) throw badFile(path, faultsOf(checked.error));
  return checked.data;
}

export function badFile(path: string, faults: readonly Fault[]): BadFile {
  const shown = faults.slice(0, faultsShownMax).map((fault) => `at ${fault.pointer || "/"}: ${fault.detail}`);
  const rest = faults.length - shown.length;
  return new BadFile(`Cannot use ${path}: ${shown.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`);
}

function parseFile(files: Files, path: string, bytesMax: number): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(files.readAll(path, bytesMax));
  } catch (error) {
    throw new BadFile(`Cannot read ${path}: ${messageOf(error)}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadFile(`Cannot use ${path}: it is not valid JSON (${messageOf(error)})`);
  }
}
