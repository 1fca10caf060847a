import type { OptionSpec } from "./options.ts";

/** What every command takes that talks to a running server. Those named like settings are read as settings. */

export const serverOptions = [
  {
    name: "url",
    value: "URL",
    summary: "Server to ask, unix:PATH for a socket; default: where the configuration lets it listen",
  },
  { name: "host", value: "ADDRESS", summary: "Its address, when the configuration says another" },
  { name: "port", value: "PORT", summary: "Its port, when the configuration says another" },
  { name: "config", value: "FILE", short: "c", summary: "Configuration file; default $ROXY_ROOT/roxy-core.jsonc" },
  { name: "set", value: "KEY=VALUE", summary: "Any setting, such as auth.token_file=FILE; may be repeated" },
] as const satisfies readonly OptionSpec[];

export const colourOption = {
  name: "no-color",
  summary: "No colours; NO_COLOR in the environment does the same",
} as const satisfies OptionSpec;

export const jsonOption = { name: "json", summary: "Print JSON, on one line" } as const satisfies OptionSpec;

export const clientOptions = [jsonOption, colourOption, ...serverOptions] as const satisfies readonly OptionSpec[];
