import { runtime } from "#runtime";
import { commands } from "./cli/commands.ts";
import { runProgram } from "./cli/program.ts";

// The only place that ends the process.
void runProgram(runtime, commands, runtime.process.args).then((code) => runtime.process.exit(code));
