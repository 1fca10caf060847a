import { AuditLog } from "../audit/log.ts";
import { isFlaw } from "../audit/frame.ts";
import { readPublicKey } from "../audit/key.ts";
import { readNoteFile } from "../audit/note-file.ts";
import { readableSegments } from "../audit/segments.ts";
import { loadConfig } from "../config/load.ts";
import { RunningClock, systemClock } from "../lib/clock.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { version } from "../lib/version.ts";
import type { Runtime } from "../runtime/types.ts";
import { checkReadable } from "./audit-read.ts";
import { configInput } from "./config.ts";
import type { CommandSpec } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions } from "./options.ts";
import { printable } from "./printable.ts";

/** `audit rotate-key`: the only one of these commands that writes, and so the only one that wants the log for itself. */
export const rotateKeyCommand = {
  name: "audit rotate-key",
  summary: "Make a new signing key, recorded and signed by the old one and the new one; stop the server first",
  usage: "[options]",
  options: settingOptions,
  examples: [`${programName} audit rotate-key`],
} as const satisfies CommandSpec;

/** @throws Fatal when there is no log, a server holds it, or it can't be used */
export async function runRotateKey(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(rotateKeyCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(rotateKeyCommand));
    return exitCodes.done;
  }
  const { audit } = loadConfig(configInput(runtime, configArgs(rotateKeyCommand, options.given))).config;
  checkLog(runtime, audit.dir, audit.checkpoint_key_file);
  const clock = new RunningClock(systemClock);
  let fatal: Fatal | undefined;
  const log = await AuditLog.open({
    files: runtime.files,
    sha256: runtime.sha256,
    clock,
    log: silentLog,
    dir: audit.dir,
    keyFile: audit.checkpoint_key_file,
    retentionDays: audit.retention_days,
    diskReserveMb: audit.disk_reserve_mb,
    onRecord: ({ uptime_ms }) => clock.goOnFrom(uptime_ms ?? 0),
    onFatal: (error) => (fatal = error),
    version,
  });
  await log.rotateKey();
  await log.close();
  if (fatal) throw fatal;
  const key = await readPublicKey(runtime.files, audit.checkpoint_key_file);
  const found = readNoteFile(runtime.files, audit.dir);
  runtime.process.stdout(`${printable(`The log in ${audit.dir} is signed with a new key from now on: ${key}`)}\n`);
  // A server prints its checkpoints to the journal; this is the only print of this one.
  if (found && !isFlaw(found)) runtime.process.stdout(`Its newest checkpoint, to keep elsewhere:\n\n${found.text}`);
  return exitCodes.done;
}

/** Opening a log makes one where there is none, and a new key for a log of nothing is no key of anybody's log. */
function checkLog({ files, sha256 }: Runtime, dir: string, keyFile: string): void {
  checkReadable(files, dir, files.stat(keyFile) === undefined ? exitCodes.failed : exitCodes.integrity);
  if (readableSegments(files, dir, sha256).length > 0) return;
  throw new Fatal(
    `Cannot change the key: ${dir}: the folder holds no audit log. Name the right one with audit.dir`,
    exitCodes.integrity,
  );
}
