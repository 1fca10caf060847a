import { Fatal, exitCodes } from "../lib/errors.ts";
import type { Receipt } from "../wire/dispatch.ts";
import type { AppendFile, FileLock } from "../runtime/types.ts";
import { activeName, checkFile, lockName, pathIn, prepareFolder } from "./folder.ts";
import { frameLine, isFlaw, linkFlaw, recordOf } from "./frame.ts";
import { linesOf } from "./lines.ts";
import type { AuditDeps } from "./log.ts";
import type { Draft } from "./record.ts";
import { zeroHash } from "./record.ts";
import { Tree } from "./tree.ts";

/** What `AuditLog` starts from. */
export interface Start {
  readonly lock: FileLock;
  readonly file: AppendFile;
  readonly fileBytes: number;
  readonly tree: Tree;
  readonly head: Receipt;
  /** Records to write before anybody else's. */
  readonly drafts: readonly Draft[];
}

export async function recover(deps: AuditDeps): Promise<Start> {
  prepareFolder(deps.files, deps.dir);
  const lock = deps.files.lock(pathIn(deps.dir, lockName));
  if (!lock) throw new Fatal(`Cannot open the audit log in ${deps.dir}: another roxy-core process is writing it`);
  const path = pathIn(deps.dir, activeName);
  const tree = new Tree(deps.sha256);
  let head: Receipt = { seq: -1, hash: zeroHash };
  if (deps.files.stat(path)) {
    checkFile(deps.files, path);
    head = await replay(deps, path, tree);
  }
  const file = deps.files.openAppend(path);
  deps.files.syncFolder(deps.dir);
  const drafts: Draft[] = [{ event: head.seq < 0 ? "genesis" : "open", version: deps.version }];
  return { lock, file, fileBytes: file.stat().bytes, tree, head, drafts };
}

async function replay(deps: AuditDeps, path: string, tree: Tree): Promise<Receipt> {
  const file = deps.files.openRead(path);
  let head: Receipt = { seq: -1, hash: zeroHash };
  try {
    for await (const lines of linesOf(file, 0, file.stat().bytes)) {
      for (const line of lines) {
        const frame = frameLine(line.bytes, deps.sha256);
        const flaw = isFlaw(frame) ? frame.flaw : linkFlaw(frame, { seq: head.seq + 1, prevHash: head.hash });
        if (flaw !== undefined || isFlaw(frame)) throw new Fatal(`Cannot use ${path}: ${flaw}`, exitCodes.integrity);
        const record = recordOf(line.bytes);
        if (isFlaw(record as never)) throw new Fatal(`Cannot use ${path}: not JSON`, exitCodes.integrity);
        tree.append(line.leaf);
        head = { seq: frame.seq, hash: frame.hash };
        deps.onRecord?.(record as never);
      }
    }
  } finally {
    file.close();
  }
  return head;
}
