import { nearest } from "../config/nearest.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import type { CommandSpec } from "./options.ts";
import { groupHelpText, programName } from "./options.ts";
import { printable } from "./printable.ts";

/** What a group itself needs of the runtime; its members may want more. */
interface Speaks {
  readonly process: Pick<Runtime["process"], "stdout">;
}

/** Commands with the same first word, such as `audit verify` and `audit tail`. */
export interface Group<R extends Speaks = Runtime> {
  readonly name: string;
  readonly summary: string;
  readonly members: readonly Member<R>[];
}

export interface Member<R> {
  readonly spec: CommandSpec;
  /** @returns the exit code. @throws Fatal */
  readonly run: (runtime: R, argv: readonly string[]) => number | Promise<number>;
}

/** For help, shell completion and the manual page. */
export function specsOf<R extends Speaks>({ members }: Group<R>): readonly CommandSpec[] {
  return members.map(({ spec }) => spec);
}

/** Runs the member that the first argument names. @returns the exit code. @throws Fatal, of bad usage (2) too */
export async function runGroup<R extends Speaks>(
  runtime: R,
  group: Group<R>,
  [word, ...rest]: readonly string[],
): Promise<number> {
  const member = group.members.find(({ spec }) => spec.name === `${group.name} ${word}`);
  if (member) return member.run(runtime, rest);
  if (word !== "--help" && word !== "-h") throw unknownMember(group, word);
  runtime.process.stdout(groupHelpText(group, specsOf(group)));
  return exitCodes.done;
}

function unknownMember<R extends Speaks>(group: Group<R>, word: string | undefined): Fatal {
  const words = specsOf(group).map(({ name }) => name.slice(group.name.length + 1));
  const expected = `Expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)} after ${programName} ${group.name}`;
  const near = word === undefined ? undefined : nearest(word, words);
  const given = word === undefined ? "" : `, not ${printable(JSON.stringify(word.slice(0, 60)))}`;
  const hint = near === undefined ? "" : ` (nearest: ${near})`;
  return new Fatal(`${expected}${given}${hint}. See ${programName} ${group.name} --help`, exitCodes.usage);
}
