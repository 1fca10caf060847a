import type { IdKind } from "./completion-ids.ts";
import type { CommandSpec, OptionSpec } from "./options.ts";
import { helpOption, programName } from "./options.ts";

/** The commands as shells complete them: words, then options, then values. */

/** What to offer for a value or an argument. */
export type Offer =
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** What the running gateway knows: asked for at the moment of the key press. */
  | { readonly kind: "ids"; readonly of: IdKind }
  | { readonly kind: "files" | "folders" | "nothing" };

export interface Leaf {
  /** One word, or two such as `audit verify`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** In order. */
  readonly positionals: readonly { readonly name: string; readonly offer: Offer }[];
}

/** A first word: a command of its own, or the head of several. */
export interface Branch {
  readonly word: string;
  readonly summary: string;
  readonly leaves: readonly Leaf[];
}

/** @param heads first words with their summaries, in order, and their commands */
export function completionTree(
  heads: readonly { readonly name: string; readonly summary: string; readonly specs: readonly CommandSpec[] }[],
): Branch[] {
  return heads.map(({ name, summary, specs }) => ({ word: name, summary, leaves: specs.map(leafOf) }));
}

function leafOf({ name, summary, options, positionals = [], words = {} }: CommandSpec): Leaf {
  return {
    words: name.split(" "),
    summary,
    options: [...options, helpOption],
    positionals: positionals.map((positional) => {
      const bare = positional.replaceAll(/[[\].]/g, "");
      return { name: bare, offer: offerOf(bare, words[bare]) };
    }),
  };
}

/** Arguments and values by name, and what the gateway is asked for. */
const idsOf: Readonly<Record<string, IdKind>> = { ID: "subject", STORY: "story", JOB: "job", AUDIT_ID: "dispatch" };

/** By what the value stands for: `FILE` is a file in every command. */
export function offerOf(name: string, words?: readonly string[]): Offer {
  if (words) return { kind: "words", words };
  if (name === "FILE") return { kind: "files" };
  if (name === "FOLDER" || name === "DIR") return { kind: "folders" };
  if (idsOf[name] !== undefined) return { kind: "ids", of: idsOf[name] };
  // A choice that is written out, such as jsonl|csv.
  if (/^[a-z]+(\|[a-z]+)+$/.test(name)) return { kind: "words", words: name.split("|") };
  return { kind: "nothing" };
}

/**
 * The command line that prints ids, and nothing when it can't.
 * @param first how the shell names the first argument of the command: it decides what the second can be about
 */
export function askFor(kind: string, first: string): string {
  return `${programName} completion ids ${kind}${kind === "subject" ? ` ${first}` : ""} 2>/dev/null`;
}

/** The options that the next word belongs to, as they are written. */
export function valuedOptions({ options }: Leaf): string[] {
  return options.flatMap(({ name, short, value }) =>
    value === undefined ? [] : [`--${name}`, ...(short === undefined ? [] : [`-${short}`])],
  );
}

export function isGroup({ leaves }: Branch): boolean {
  return leaves.some(({ words }) => words.length > 1);
}

export const globalWords = [
  { word: "help", summary: "Show the overview, or the help of a command" },
  { word: "--help", summary: "Show the overview" },
  { word: "--version", summary: "Show version, commit and runtime" },
] as const;
