import { runtime } from "#runtime";
import { commands } from "../../src/cli/commands.ts";
import { runProgram } from "../../src/cli/program.ts";

/** The program inside this process: for the many cases where starting one each would only cost time. */
export async function runHere(
  env: Readonly<Record<string, string>>,
  words: readonly string[],
  { stdoutIsTerminal = false }: { readonly stdoutIsTerminal?: boolean } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const process = {
    ...runtime.process,
    env,
    home: env["HOME"] ?? "/",
    cwd: env["HOME"] ?? "/",
    stdoutIsTerminal,
    stderrIsTerminal: false,
    stdout: (text: string) => void (said.stdout += text),
    stderr: (text: string) => Boolean((said.stderr += text)),
    onSignal() {},
    onOutputClosed() {},
  };
  const code = await runProgram({ ...runtime, process }, commands, words);
  return { code, ...said };
}
