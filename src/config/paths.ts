/** POSIX paths as text alone: the configuration is read the same way on every runtime, and in tests without files. */

export interface PathBase {
  /** What relative paths count from. */
  readonly folder: string;
  /** What `~` stands for. */
  readonly home: string;
}

/** `~` and `~/…` from the home folder, relative paths from the base; without `.`, `..` and doubled slashes. */
export function resolvePath(path: string, base: PathBase): string {
  if (path === "~") return tidied(base.home);
  if (path.startsWith("~/")) return tidied(`${base.home}/${path.slice(2)}`);
  return tidied(path.startsWith("/") ? path : `${base.folder}/${path}`);
}

export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}

/** Whether the path is the folder or lies in it; both tidied. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

function tidied(path: string): string {
  const absolute = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!absolute) kept.push(part);
  }
  return (absolute ? "/" : "") + kept.join("/") || ".";
}
