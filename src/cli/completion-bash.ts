import type { Branch, Leaf, Offer } from "./completion-tree.ts";
import { askFor, globalWords, isGroup, offerOf, valuedOptions } from "./completion-tree.ts";
import { programName } from "./options.ts";

/** For bash alone, without the bash-completion package; 3.2 and newer, as macOS has it. */
export function bashCompletion(tree: readonly Branch[]): string {
  const first = [...tree.map(({ word }) => word), ...globalWords.map(({ word }) => word)];
  return `# bash completion for ${programName}; load it with: source <(${programName} completion bash)
_roxy_core() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at=2 seen=0 valued="" first="" i
  COMPREPLY=()
  # bash splits --name=value at the sign.
  if [[ $cur == "=" ]]; then cur=""
  elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=( $(compgen -W "${first.join(" ")}" -- "$cur") )
    return
  fi
  local command=\${COMP_WORDS[1]}
  case $command in
    help) (( COMP_CWORD == 2 )) && COMPREPLY=( $(compgen -W "${tree.map(({ word }) => word).join(" ")}" -- "$cur") ); return ;;
${tree.filter(isGroup).map(groupCase).join("\n")}
  esac
  case $command in
${tree.flatMap(({ leaves }) => leaves.map(valuedCase)).join("\n")}
    *) return ;;
  esac
  # Which argument is being typed: options and their values are none.
  for (( i = at; i < COMP_CWORD; i++ )); do
    case \${COMP_WORDS[i]} in
      =) ;;
      -*) [[ $valued == *" \${COMP_WORDS[i]} "* ]] && { (( i++ )); [[ \${COMP_WORDS[i]} == "=" ]] && (( i++ )); } ;;
      *) (( seen++ == 0 )) && first=\${COMP_WORDS[i]} ;;
    esac
  done
  case $command in
${tree.flatMap(({ leaves }) => leaves.map(leafCase)).join("\n")}
  esac
}
complete -F _roxy_core ${programName}
`;
}

function groupCase({ word, leaves }: Branch): string {
  const words = leaves.map((leaf) => leaf.words[1]).join(" ");
  return `    ${word})
      if (( COMP_CWORD == 2 )); then COMPREPLY=( $(compgen -W "${words} --help" -- "$cur") ); return; fi
      command="$command \${COMP_WORDS[2]}"; at=3 ;;`;
}

function valuedCase(leaf: Leaf): string {
  return `    "${leaf.words.join(" ")}") valued=" ${valuedOptions(leaf).join(" ")} " ;;`;
}

function leafCase({ words, options, positionals }: Leaf): string {
  const values = options.flatMap(({ name, short, value, choices }) => {
    if (value === undefined) return [];
    const names = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])].join("|");
    return [`        ${names}) ${reply(offerOf(value, choices))}return ;;`];
  });
  const places = positionals.map(({ offer }, i) => `        ${i}) ${reply(offer)};;`);
  const names = options.map(({ name }) => `--${name}`).join(" ");
  return `    "${words.join(" ")}")
      case $prev in
${values.join("\n")}
        *) ;;
      esac
      if [[ $cur == -* ]]; then COMPREPLY=( $(compgen -W "${names}" -- "$cur") ); return; fi
      case $seen in
${places.join("\n")}
        *) ;;
      esac ;;`;
}

function reply(offer: Offer): string {
  if (offer.kind === "words") return `COMPREPLY=( $(compgen -W "${offer.words.join(" ")}" -- "$cur") ); `;
  if (offer.kind === "ids") return `COMPREPLY=( $(compgen -W "$(${askFor(offer.of, '"$first"')})" -- "$cur") ); `;
  if (offer.kind === "nothing") return "";
  const flag = offer.kind === "files" ? "f" : "d";
  return `compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=( $(compgen -${flag} -- "$cur") ); `;
}
