import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Api } from "./api.ts";
import { createApi, Refused } from "./api.ts";
import type { CommandSpec, ParsedOptions } from "./options.ts";
import { helpText, parseOptions, programName } from "./options.ts";
import { printableJson } from "./printable.ts";
import type { Screen } from "./screen.ts";
import { screenOf } from "./screen.ts";
import type { AddressOptions } from "./server-address.ts";
import { serverAddress, tellWarnings } from "./server-address.ts";

/** What a command has in hand that talks to the server. */
export interface Client<C extends CommandSpec = CommandSpec> {
  readonly runtime: Runtime;
  readonly command: C;
  readonly options: ParsedOptions<C>;
  readonly api: Api;
  readonly screen: Screen;
  readonly json: boolean;
  /** Text that is printable already, with its newlines. */
  print(text: string): void;
  /** The server's JSON, on one line. */
  printJson(text: string): void;
}

export type RunCommand = (runtime: Runtime, argv: readonly string[]) => Promise<number>;

/**
 * A command that asks the server: options and help before, and with `--json` a refusal as JSON, too.
 * @param run returns the exit code
 */
export function clientCommand<const C extends CommandSpec>(
  command: C,
  run: (client: Client<C>) => Promise<number>,
  addressOptions: AddressOptions = {},
): RunCommand {
  return async (runtime, argv) => {
    const options = parseOptions(command, argv);
    if (options.help) {
      runtime.process.stdout(helpText(command));
      return exitCodes.done;
    }
    const client = clientOf(runtime, command, options, addressOptions);
    try {
      return await run(client);
    } catch (error) {
      if (client.json && error instanceof Refused) client.printJson(error.text);
      throw error;
    }
  };
}

/** For what was done on standard error, where standard output can't be written: it must not be lost with the answer. */
export function tellUnlessPrinted({ process }: Runtime, words: string): void {
  process.onOutputClosed((fault) => {
    if (fault !== undefined) process.stderr(`${programName}: ${words}\n`);
  });
}

function clientOf<const C extends CommandSpec>(
  runtime: Runtime,
  command: C,
  options: ParsedOptions<C>,
  addressOptions: AddressOptions,
): Client<C> {
  const given = (name: string): boolean => options.given.some((one) => one.name === name);
  const address = serverAddress(runtime, command, options.given, addressOptions);
  tellWarnings(runtime, address.warnings);
  return {
    runtime,
    command,
    options,
    api: createApi(runtime, address),
    screen: screenOf(runtime, given("no-color")),
    json: given("json"),
    print: (text) => runtime.process.stdout(text),
    printJson: (text) => runtime.process.stdout(`${printableJson(text)}\n`),
  };
}
