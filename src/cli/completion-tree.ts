import type { CommandSpec, OptionSpec } from "./options.ts";
import { helpOption } from "./options.ts";

/** The commands as shells complete them: words, then options, then values. */

/** What to offer for a value or an argument. */
export type Offer =
  | { readonly kind: "words"; readonly words: readonly string[] }
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

/** By what the value stands for: `FILE` is a file in every command. */
export function offerOf(name: string, words?: readonly string[]): Offer {
  if (words) return { kind: "words", words };
  if (name === "FILE") return { kind: "files" };
  if (name === "FOLDER" || name === "DIR") return { kind: "folders" };
  // A choice that is written out, such as jsonl|csv.
  if (/^[a-z]+(\|[a-z]+)+$/.test(name)) return { kind: "words", words: name.split("|") };
  return { kind: "nothing" };
}

export function isGroup({ leaves }: Branch): boolean {
  return leaves.some(({ words }) => words.length > 1);
}

export const globalWords = [
  { word: "help", summary: "Show the overview, or the help of a command" },
  { word: "--help", summary: "Show the overview" },
  { word: "--version", summary: "Show version, commit and runtime" },
] as const;
