import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Ran } from "./child.ts";
import { run, startChild } from "./child.ts";
import { eventually } from "./watch.ts";

/** A machine for a moment: this one's systemd in namespaces of its own, of which nothing is left at the end. */
export interface Machine {
  /** Runs a command in there as root. */
  run(...command: readonly string[]): Promise<Ran>;
  /** The same; gives its standard output. @throws when it does not end with 0 */
  ok(...command: readonly string[]): Promise<string>;
  write(file: string, text: string, mode?: string): Promise<void>;
  end(): Promise<void>;
}

const systemd = "/lib/systemd/systemd";
const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
const script = path.join(import.meta.dirname, "boot-systemd.sh");

/** Why no such machine can be had here; undefined when one can. What is not the machine's to refuse fails under CI. */
export function noMachine(): string | undefined {
  const tool = ["unshare", "nsenter", "pivot_root", "mountpoint"].find((name) => Bun.which(name, env) === null);
  const missing = tool ?? (existsSync(systemd) ? undefined : systemd);
  if (missing !== undefined && process.env["CI"] === "true") throw new Error(`${missing} is not installed`);
  if (missing !== undefined) return `${missing} is not installed`;
  if (process.getuid?.() !== 0) return "only root may boot one";
  const folder = mkdtempSync(path.join(tmpdir(), "roxy-machine-"));
  const inside = `mount --make-rprivate / && mount -t cgroup2 cgroup2 ${folder} && mkdir ${folder}/probe-$$ && rmdir ${folder}/probe-$$`;
  const namespaces = ["--mount", "--cgroup", "--pid", "--fork", "--ipc", "--uts", "--net"];
  const probe = Bun.spawnSync(["unshare", ...namespaces, "sh", "-c", inside], { env });
  rmSync(folder, { recursive: true });
  return probe.exitCode === 0 ? undefined : `this machine does not let us: ${probe.stderr.toString().trim()}`;
}

/** @param program becomes `/opt/roxy-core` in there */
export async function bootMachine(program: string): Promise<Machine> {
  const folder = mkdtempSync(path.join(tmpdir(), "roxy-machine-"));
  const name = path.basename(folder);
  const outside = startChild(["unshare", "--mount", "sh", script, folder, name, program], { env });
  const inside = (pid: string, command: readonly string[]): Promise<Ran> =>
    run(["nsenter", "--target", pid, "--all", ...command], { env });
  const firstChild = (): string | undefined => {
    const file = `/proc/${outside.pid}/task/${outside.pid}/children`;
    const [pid] = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
    // Until it is systemd, it is the script that makes the place, and then there are no namespaces to enter yet.
    if (!pid || !existsSync(`/proc/${pid}/comm`)) return undefined;
    return readFileSync(`/proc/${pid}/comm`, "utf8") === "systemd\n" ? pid : undefined;
  };
  const end = async (): Promise<void> => {
    outside.kill("SIGKILL");
    await outside.ended;
    await removeCgroup(folder, name);
    rmSync(folder, { recursive: true });
  };
  const booted = eventually(async () => {
    const pid = firstChild();
    const up = pid && (await inside(pid, ["systemctl", "is-system-running"])).stdout;
    return up === "running\n" ? pid : undefined;
  }, "systemd to be up");
  const pid = await booted.catch(async (error: unknown) => {
    await end();
    throw new Error(`${String(error)}: ${outside.stderr()}`);
  });
  const ok = async (...command: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await inside(pid, command);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  return {
    run: (...command) => inside(pid, command),
    ok,
    async write(file, text, mode = "644") {
      await ok("sh", "-c", 'mkdir -p "${1%/*}" && printf %s "$2" > "$1" && chmod "$3" "$1"', "sh", file, text, mode);
    },
    end,
  };
}

/** Its processes end with the first of them, but the kernel takes its time. */
async function removeCgroup(folder: string, name: string): Promise<void> {
  const remove = `mount --make-rprivate / && mount -t cgroup2 cgroup2 ${folder} || exit 1
test ! -d ${folder}/${name} || find ${folder}/${name} -depth -type d -exec rmdir {} +`;
  await eventually(async () => {
    return (await run(["unshare", "--mount", "sh", "-c", remove], { env })).code === 0 || undefined;
  }, "its processes to be gone");
}
