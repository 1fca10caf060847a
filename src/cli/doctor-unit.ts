import { messageOf } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";

const check = "unit";
const unitName = `${programName}.service`;
const unitBytesMax = 65_536;

/** Whether systemd will start the gateway again after the next boot, and with a program that is there. */
export function unitFindings({ files, process }: Runtime): Finding[] {
  // sd_booted(3): this folder is how a program knows that systemd runs here.
  if (files.stat("/run/systemd/system") === undefined) return [well(check, "systemd does not run here")];
  const folders = [
    `${process.env["XDG_CONFIG_HOME"] || `${process.home}/.config`}/systemd/user`,
    "/etc/systemd/user",
    "/etc/systemd/system",
    "/usr/lib/systemd/user",
    "/usr/lib/systemd/system",
  ];
  const path = folders.map((folder) => `${folder}/${unitName}`).find((candidate) => files.stat(candidate));
  if (path === undefined) {
    const fix = `Put one in place: ${programName} unit --user --install`;
    return [warning(check, `${unitName} is not installed: after a reboot nobody starts the gateway`, fix)];
  }
  return [programFinding({ files, process }, path)];
}

function programFinding({ files, process }: Pick<Runtime, "files" | "process">, path: string): Finding {
  let text: string;
  try {
    text = new TextDecoder().decode(files.readAll(path, unitBytesMax));
  } catch (error) {
    return warning(check, `Cannot read ${path}: ${messageOf(error)}`, "Let this user read it");
  }
  // systemd.service(5): prefixes before the path change how it runs, not what; %h is the home folder.
  const named = /^ExecStart=[@:+!-]*(\S+)/m.exec(text)?.[1]?.replaceAll("%h", process.home);
  if (named === undefined) return problem(check, `${path} has no ExecStart=`, "Write it anew");
  if (named.startsWith("/") && files.stat(named) === undefined) {
    const fix = "Copy the program there, or change ExecStart=; then systemctl daemon-reload (--user)";
    return problem(check, `${path} starts ${named}, which is not there`, fix);
  }
  return well(check, `${path} starts ${named}`);
}
