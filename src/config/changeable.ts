import { folderOf } from "./paths.ts";
import type { ReadingFiles } from "./secrets.ts";

/** Root may change everything anyway. */
const rootUser = 0;
/** inode(7): in such a folder, as /tmp is one, nobody but its owner replaces a file. */
const sticky = 0o1000;

/**
 * Whoever may change the configuration file, or put another one in its place, has a say in everything. The same bits are
 * refused for a file of client tokens; here they are only warned about, because a group that may write can be the user's own.
 */
export function changeableWarnings(files: ReadingFiles, path: string): string[] {
  // What is no file, such as /dev/null, says nothing.
  if (files.facts?.(path)?.kind !== "file") return [];
  return [path, folderOf(path)].flatMap((place) => {
    const warning = warningAbout(files, place);
    return warning === undefined ? [] : [warning];
  });
}

function warningAbout({ facts, user }: ReadingFiles, place: string): string | undefined {
  const found = facts?.(place);
  // A link's own bits mean nothing.
  if (!found || found.kind === "symlink") return undefined;
  const { kind, mode, owner } = found;
  if (user !== undefined && owner !== user && owner !== rootUser) {
    return `user ${owner} owns ${place}, and so decides where commands go and who may send them; chown it`;
  }
  if ((mode & 0o022) === 0 || (kind === "folder" && (mode & sticky) !== 0)) return undefined;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  return `other users may write ${place} (mode ${octal}), and so decide where commands go and who may send them; chmod go-w it`;
}
