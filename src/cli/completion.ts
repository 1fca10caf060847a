import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { actions } from "../wire/dispatch.ts";
import { createApi } from "./api.ts";
import { serverOptions } from "./client-options.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { idKinds, printIds, subjectKind } from "./completion-ids.ts";
import type { Branch } from "./completion-tree.ts";
import { zshCompletion } from "./completion-zsh.ts";
import type { CommandSpec } from "./options.ts";
import { helpText, parseOptions, programName, usageError } from "./options.ts";
import { printable } from "./printable.ts";
import { serverAddress } from "./server-address.ts";

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export const completionCommand = {
  name: "completion",
  summary: "Print the completion script of a shell",
  usage: "bash|zsh|fish | ids story|plan|job|audit|dispatch | ids subject [ACTION]",
  positionals: ["SHELL", "[KIND]", "[ACTION]"],
  words: { SHELL: [...Object.keys(shells), "ids"], KIND: idKinds, ACTION: actions },
  options: serverOptions,
  examples: [
    `source <(${programName} completion bash)     # in ~/.bashrc`,
    `source <(${programName} completion zsh)      # in ~/.zshrc, after compinit`,
    `${programName} completion fish > ~/.config/fish/completions/${programName}.fish`,
    `${programName} completion ids job             # what the scripts ask the running gateway, at each Tab`,
  ],
} as const satisfies CommandSpec;

/** @throws Fatal with exit code 2 for a shell or a kind that we don't know */
export async function runCompletion(
  runtime: Runtime,
  argv: readonly string[],
  tree: readonly Branch[],
): Promise<number> {
  const options = parseOptions(completionCommand, argv);
  const [shell = "", kind = "", action] = options.positionals;
  if (options.help) runtime.process.stdout(helpText(completionCommand));
  else if (shell === "ids") {
    const known = idKinds.find((one) => one === kind);
    if (!known) throw usageError(completionCommand, `Expected a kind of ids: ${idKinds.join(", ")}`);
    const wanted = known === "subject" ? subjectKind(action) : known;
    if (wanted === undefined) return exitCodes.done;
    const address = serverAddress(runtime, completionCommand, options.given);
    return printIds(createApi(runtime, address), wanted, (text) => runtime.process.stdout(text));
  } else {
    if (!Object.hasOwn(shells, shell)) {
      throw usageError(
        completionCommand,
        `There is no completion for ${JSON.stringify(printable(shell))}: bash, zsh or fish; or ids of a kind`,
      );
    }
    runtime.process.stdout(shells[shell as keyof typeof shells](tree));
  }
  return exitCodes.done;
}
