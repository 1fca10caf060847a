import { runtime } from "#runtime";
import { runLuno } from "../../src/cli/luno.ts";
import { Fatal } from "../../src/lib/errors.ts";

// `roxy-core luno` as a process of its own, without the rest of the program.
try {
  await runtime.process.exit(await runLuno(runtime, runtime.process.args));
} catch (error) {
  if (!(error instanceof Fatal)) throw error;
  runtime.process.stderr(`${error.message}\n`);
  await runtime.process.exit(error.exitCode);
}
