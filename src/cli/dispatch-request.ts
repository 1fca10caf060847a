import { nearest } from "../config/nearest.ts";
import type { Environment } from "../config/overrides.ts";
import type { Fault } from "../lib/errors.ts";
import type { Action, DispatchRequest } from "../wire/dispatch.ts";
import { actions, dispatchRequestSchema } from "../wire/dispatch.ts";
import { faultsOf } from "../wire/problem.ts";
import type { CommandSpec } from "./options.ts";
import { programName, usageError } from "./options.ts";
import { printable } from "./printable.ts";

/** The words of a `dispatch` command line. */
export interface DispatchWords {
  readonly action: string;
  readonly id: string | undefined;
  readonly nonce: string | undefined;
  /** `KEY=VALUE` each. */
  readonly options: readonly string[];
  readonly source: string;
  readonly user: string | undefined;
}

/** What a copied word brings along at its ends: spaces, and marks that nobody sees. */
const invisibleEnds = /^[\s\p{C}]+|[\s\p{C}]+$/gu;

export function trimmed(word: string): string {
  return word.replaceAll(invisibleEnds, "");
}

/**
 * The body that the words mean, checked by the server's own schema, so that a slip costs no round trip.
 * @throws Fatal with exit code 2, in the words of the command line
 */
export function dispatchRequest(command: CommandSpec, words: DispatchWords): DispatchRequest {
  const action = actionOf(command, words.action);
  const { source, user } = words;
  const body = {
    action,
    payload: payloadOf(command, action, words),
    source,
    ...(user !== undefined && { auth: { user_id: user } }),
  };
  const parsed = dispatchRequestSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw usageError(command, faultsOf(parsed.error).map(faultWords).join("; "));
}

function actionOf(command: CommandSpec, word: string): Action {
  const name = trimmed(word).toLowerCase().replaceAll("-", "_");
  const known = actions.find((action) => action === name);
  if (known !== undefined) return known;
  const near = nearest(name, actions);
  const hint = near === undefined ? `there are ${actions.join(", ")}` : `nearest: ${near}`;
  // An id where the action belongs: almost always a story that is to run.
  if (near === undefined && /^[A-Za-z][\w.:]*-[\w.:-]*\d/.test(word)) {
    throw usageError(
      command,
      `The action is missing: ${programName} dispatch enqueue_story ${printable(trimmed(word))}`,
    );
  }
  throw usageError(command, `There is no action ${JSON.stringify(printable(word))} (${hint})`);
}

/** What an action is about; undefined when it is about nothing. */
export function subjectOf(action: Action): "story" | "plan" | undefined {
  if (action === "halt" || action === "status") return undefined;
  return action.endsWith("_story") ? "story" : "plan";
}

function payloadOf(command: CommandSpec, action: Action, words: DispatchWords): Record<string, unknown> {
  const id = words.id === undefined ? undefined : trimmed(words.id);
  const kind = subjectOf(action);
  if (kind === undefined && id !== undefined) throw usageError(command, `${action} takes no ID`);
  if (kind !== undefined && id === undefined) throw usageError(command, `ID is missing: name the ${kind}`);
  if (action === "apply_plan" && words.nonce === undefined) {
    throw usageError(command, "--nonce is missing: prepare_apply answers with it");
  }
  const options = optionsOf(command, words.options);
  return {
    ...(kind !== undefined && { [`${kind}_id`]: id }),
    ...(words.nonce !== undefined && { nonce: trimmed(words.nonce) }),
    ...(options !== undefined && { options }),
  };
}

function optionsOf(command: CommandSpec, pairs: readonly string[]): Record<string, unknown> | undefined {
  const options: Record<string, unknown> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1) throw usageError(command, "--option needs KEY=VALUE, such as --option dry_run=true");
    const key = pair.slice(0, equals);
    // The server would refuse it, if it ever came there: it sets no key of an object, but its prototype.
    if (key === "__proto__") throw usageError(command, "--option __proto__: This key is not allowed");
    if (Object.hasOwn(options, key)) throw usageError(command, `--option ${printable(key)} stands twice`);
    options[key] = optionValue(pair.slice(equals + 1));
  }
  return pairs.length === 0 ? undefined : options;
}

/** `true`, `false` and whole numbers are what they look like; text in quotes is text; so is everything else. */
function optionValue(text: string): unknown {
  if (!/^(true|false|-?\d+|".*")$/s.test(text)) return text;
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "number" && !Number.isSafeInteger(value) ? text : value;
  } catch {
    return text;
  }
}

const places: Readonly<Record<string, string>> = {
  "/payload/story_id": "ID",
  "/payload/plan_id": "ID",
  "/payload/nonce": "--nonce",
  "/payload/options": "--option",
  "/source": "--source",
  "/auth/user_id": "--user",
};

function faultWords({ pointer, detail }: Fault): string {
  const option = /^\/payload\/options\/(.+)$/.exec(pointer)?.[1];
  const place = option === undefined ? (places[pointer] ?? (pointer || "request")) : `--option ${option}`;
  const isForeign = detail === "Unknown key";
  return printable(isForeign ? `${place} does not go with this action` : `${place}: ${detail}`);
}

/** Who asks, as far as the environment knows; a name that the record would refuse is left out. */
export function userOf(env: Environment): string | undefined {
  const name = env["USER"] ?? env["LOGNAME"];
  return name !== undefined && /^\P{C}{1,128}$/u.test(name) ? name : undefined;
}
