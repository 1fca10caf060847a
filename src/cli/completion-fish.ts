import type { Branch, Leaf, Offer } from "./completion-tree.ts";
import { askFor, globalWords, isGroup, offerOf, valuedOptions } from "./completion-tree.ts";
import type { OptionSpec } from "./options.ts";
import { programName } from "./options.ts";

/** For fish 3 and newer. */
export function fishCompletion(tree: readonly Branch[]): string {
  const heads = [...tree, ...globalWords.filter(({ word }) => !word.startsWith("-"))];
  const lines = [
    ...heads.map(({ word, summary }) => complete(`__roxy_core_at 1`, `-a ${quoted(word)}`, summary)),
    complete("__roxy_core_at 1", "-l help -s h", "Show the overview"),
    complete("__roxy_core_at 1", "-l version -s V", "Show version, commit and runtime"),
    complete("__roxy_core_at 2 help", `-a ${quoted(tree.map(({ word }) => word).join(" "))}`, ""),
    ...tree.flatMap(branchLines),
  ];
  return `# fish completion for ${programName}; load it with: ${programName} completion fish | source
# The words before the cursor: so many, and these after the program's name.
function __roxy_core_at
    set -l words (commandline -opc)
    test (count $words) -eq $argv[1]; and __roxy_core_is $argv[2..]
end
function __roxy_core_is
    set -l words (commandline -opc)
    set -l last (math (count $argv) + 1)
    test (count $words) -ge $last; or return 1
    test $last -eq 1; or test "$words[2..$last]" = "$argv"
end
# The arguments before the cursor of the command with these words: no options, and no values of the options named first.
function __roxy_core_arguments
    set -l valued (string split ' ' -- $argv[1])
    set -l words (commandline -opc)
    set -l isValue 0
    for i in (seq (math (count $argv) + 1) (count $words))
        if test $isValue -eq 1
            set isValue 0
        else if contains -- $words[$i] $valued
            set isValue 1
        else if not string match -q -- '-*' $words[$i]
            echo $words[$i]
        end
    end
end
# So many arguments, and then the same.
function __roxy_core_place
    __roxy_core_is $argv[3..]; or return 1
    test (count (__roxy_core_arguments $argv[2..])) -eq $argv[1]
end
complete -c ${programName} -f
${lines.join("\n")}
`;
}

function branchLines(branch: Branch): string[] {
  const subs = isGroup(branch)
    ? branch.leaves.map(({ words, summary }) => complete(`__roxy_core_at 2 ${branch.word}`, `-a ${words[1]}`, summary))
    : [];
  return [...subs, ...branch.leaves.flatMap(leafLines)];
}

function leafLines(leaf: Leaf): string[] {
  const { words, options, positionals } = leaf;
  const condition = `__roxy_core_is ${words.join(" ")}`;
  const here = `"${valuedOptions(leaf).join(" ")}" ${words.join(" ")}`;
  return [
    ...options.map((option) => complete(condition, optionFlags(option, here), option.summary)),
    ...positionals.flatMap(({ offer }, i) =>
      offer.kind === "nothing" ? [] : [complete(`__roxy_core_place ${i} ${here}`, argumentFlags(offer, here), "")],
    ),
  ];
}

/** @param here what tells the arguments so far */
function optionFlags({ name, short, value, choices }: OptionSpec, here: string): string {
  const names = `-l ${name}${short === undefined ? "" : ` -s ${short}`}`;
  if (value === undefined) return names;
  const offer = offerOf(value, choices);
  return `${names} -x${offer.kind === "nothing" ? "" : ` ${argumentFlags(offer, here)}`}`;
}

function argumentFlags(offer: Offer, here: string): string {
  if (offer.kind === "words") return `-a ${quoted(offer.words.join(" "))}`;
  if (offer.kind === "ids") return `-a ${quoted(`(${askFor(offer.of, `(__roxy_core_arguments ${here})[1]`)})`)}`;
  return offer.kind === "files"
    ? "-a '(__fish_complete_path (commandline -ct))'"
    : "-a '(__fish_complete_directories (commandline -ct))'";
}

function complete(condition: string, flags: string, summary: string): string {
  const description = summary === "" ? "" : ` -d ${quoted(summary)}`;
  return `complete -c ${programName} -n ${quoted(condition)} ${flags}${description}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
