import type { Branch, Leaf, Offer } from "./completion-tree.ts";
import { askFor, globalWords, isGroup, offerOf } from "./completion-tree.ts";
import type { OptionSpec } from "./options.ts";
import { programName } from "./options.ts";

/** For a file `_roxy-core` in the fpath, or sourced after compinit. */
export function zshCompletion(tree: readonly Branch[]): string {
  const heads = [...tree, ...globalWords];
  return `#compdef ${programName}
# zsh completion for ${programName}; load it with: source <(${programName} completion zsh)
_roxy-core-ids() {
  local -a ids
  ids=(\${(f)"$(${askFor('"$@"', "")})"})
  compadd -a ids
}
_roxy-core() {
  local -a heads subs
  if (( CURRENT == 2 )); then
    heads=(
${heads.map(({ word, summary }) => `      ${described(word, summary)}`).join("\n")}
    )
    _describe -t commands command heads
    return
  fi
  local command=$words[2]
  if [[ $command == help ]]; then
    (( CURRENT == 3 )) && _values command ${tree.map(({ word }) => word).join(" ")}
    return
  fi
  shift words
  (( CURRENT-- ))
  case $command in
${tree.map(branchCase).join("\n")}
  esac
}
if [[ $funcstack[1] == _roxy-core ]]; then _roxy-core "$@"; else compdef _roxy-core ${programName}; fi
`;
}

function branchCase(branch: Branch): string {
  if (!isGroup(branch)) return `    (${branch.word})\n${branch.leaves.map(argumentsOf).join("\n")} ;;`;
  const subs = branch.leaves.map(({ words, summary }) => `          ${described(words[1] ?? "", summary)}`);
  const cases = branch.leaves.map((leaf) => `        (${leaf.words[1]})\n${argumentsOf(leaf)} ;;`);
  return `    (${branch.word})
      if (( CURRENT == 2 )); then
        subs=(
${subs.join("\n")}
        )
        _describe -t commands subcommand subs
        return
      fi
      command=$words[2]
      shift words
      (( CURRENT-- ))
      case $command in
${cases.join("\n")}
      esac ;;`;
}

function argumentsOf({ options, positionals }: Leaf): string {
  const specs = [
    ...options.map(optionSpec),
    ...positionals.map(({ name, offer }, i) => quoted(`${i + 1}:${name}:${action(offer)}`)),
  ];
  return `      _arguments -s \\\n${specs.map((spec) => `        ${spec}`).join(" \\\n")}`;
}

/** \`'(-c --config)'{-c+,--config=}'[summary]:FILE:_files'\` */
function optionSpec({ name, short, value, choices, summary }: OptionSpec): string {
  const repeats = summary.includes("may be repeated");
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}`];
  const forms = value === undefined ? names : names.map((one) => (one.startsWith("--") ? `${one}=` : `${one}+`));
  const head = repeats ? "*" : `(${names.join(" ")})`;
  const tail = `[${escaped(summary)}]${value === undefined ? "" : `:${escaped(value)}:${action(offerOf(value, choices))}`}`;
  const braced = forms.length > 1 ? `{${forms.join(",")}}` : forms.join("");
  return `${quoted(head)}${braced}${quoted(tail)}`;
}

function action(offer: Offer): string {
  if (offer.kind === "words") return `(${offer.words.join(" ")})`;
  // The space keeps _arguments from putting options of compadd in between.
  // During an action `line` holds the arguments so far (zshcompsys, _arguments).
  if (offer.kind === "ids") return ` _roxy-core-ids ${offer.of}${offer.of === "subject" ? " $line[1]" : ""}`;
  if (offer.kind === "files") return "_files";
  return offer.kind === "folders" ? "_files -/" : " ";
}

function described(word: string, summary: string): string {
  return quoted(`${word.replaceAll(":", String.raw`\:`)}:${summary}`);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, String.raw`\$&`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
