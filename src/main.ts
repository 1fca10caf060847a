import { runtime } from "#runtime";
import { commands, runProgram } from "./cli/program.ts";

await runtime.process.exit(await runProgram(runtime, commands, runtime.process.args));
