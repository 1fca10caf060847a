import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import type { Branch } from "./completion-tree.ts";
import { zshCompletion } from "./completion-zsh.ts";
import type { CommandSpec } from "./options.ts";
import { helpText, parseOptions, programName, usageError } from "./options.ts";
import { printable } from "./printable.ts";

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export const completionCommand = {
  name: "completion",
  summary: "Print the completion script of a shell",
  usage: "bash|zsh|fish",
  positionals: ["SHELL"],
  words: { SHELL: Object.keys(shells) },
  options: [],
  examples: [
    `source <(${programName} completion bash)     # in ~/.bashrc`,
    `source <(${programName} completion zsh)      # in ~/.zshrc, after compinit`,
    `${programName} completion fish > ~/.config/fish/completions/${programName}.fish`,
  ],
} as const satisfies CommandSpec;

/** @throws Fatal with exit code 2 for a shell that we don't know */
export function runCompletion(runtime: Runtime, argv: readonly string[], tree: readonly Branch[]): Promise<number> {
  const options = parseOptions(completionCommand, argv);
  if (options.help) runtime.process.stdout(helpText(completionCommand));
  else {
    const [shell = ""] = options.positionals;
    if (!Object.hasOwn(shells, shell)) {
      throw usageError(
        completionCommand,
        `There is no completion for ${JSON.stringify(printable(shell))}: bash, zsh or fish`,
      );
    }
    runtime.process.stdout(shells[shell as keyof typeof shells](tree));
  }
  return Promise.resolve(exitCodes.done);
}
