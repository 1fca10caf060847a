import { Chain } from "./chain.ts";
import type { ClosedFile } from "./folder.ts";
import { survey } from "./folder.ts";
import { isFlaw } from "./frame.ts";
import { linesOf } from "./lines.ts";
import type { SigningKey } from "./key.ts";
import type { AuditDeps } from "./log.ts";
import { pruneStatement } from "./pruned.ts";
import type { Draft } from "./record.ts";
import { misplacement, readHead, readLast } from "./segments.ts";
import { encodeRange } from "./tree.ts";

/**
 * Which closed file may go, and the record that must be durable before it does. Files go oldest first, one by one.
 */

const dayMs = 86_400_000;
/** A jump of the days longer than this is taken for a clock set wrong, until the days after it say otherwise. */
const gapDaysMax = 7;

export interface Pruning {
  readonly draft: Draft;
  /** Removes the file. If we crash before this, the file is pruned again, under a second record. */
  remove(): void;
}

/** What the writer knows. */
export interface PruneContext {
  /** Day of the active file. */
  readonly today: string;
  /** The first record that is not pruned. */
  readonly firstSeq: number;
  readonly key: SigningKey;
}

/**
 * @returns undefined when nothing may go, or when the oldest file is damaged or hangs in the air: evidence is not thrown
 *   away
 * @throws FileError
 */
export async function pruneNext(deps: AuditDeps, context: PruneContext): Promise<Pruning | undefined> {
  const { closed } = survey(deps.files, deps.dir);
  const [oldest, ...later] = closed;
  if (!oldest || !mayGo(oldest.day, [...later.map((file) => file.day), context.today], deps)) return undefined;
  if (ranMsSince(deps, oldest) <= deps.retentionDays * dayMs) return undefined;
  // The one that follows it is closed, too, before it goes.
  if (!later[0]) return undefined;
  const draft = await describe(deps, oldest, later[0], context);
  if (!draft) return undefined;
  return {
    draft,
    remove: () => {
      deps.files.unlink(oldest.path);
      deps.files.syncFolder(deps.dir);
      deps.log.info("audit_pruned", { file: oldest.name, first_seq: draft.first_seq, last_seq: draft.last_seq });
    },
  };
}

/**
 * Running time since the file's last record: no setting of any clock makes it more, and the file is at least that old.
 * Records of a version that did not write it yet count from the log's beginning, which is less still.
 */
function ranMsSince({ files, clock, sha256 }: AuditDeps, { path }: ClosedFile): number {
  const last = readLast(files, path, sha256);
  return clock.monotonic() - (last && !isFlaw(last) ? (last.uptime_ms ?? 0) : 0);
}

/**
 * Whether the calendar lets a file go: the newest records are more than `retentionDays` after it, and nothing looks wrong
 * with the clock right now. A wrong clock can say so by itself; therefore running time must say it, too.
 */
export function mayGo(
  day: string,
  laterDays: readonly string[],
  deps: Pick<AuditDeps, "clock" | "retentionDays">,
): boolean {
  const today = laterDays.at(-1);
  if (today === undefined || isSuspect(deps.clock.now(), laterDays)) return false;
  return daysBetween(day, today) > deps.retentionDays;
}

/** The clock disagrees with the newest records, or the newest day lies far from the day before it. */
function isSuspect(now: number, days: readonly string[]): boolean {
  const today = days.at(-1) as string;
  const before = days.findLast((day) => day !== today);
  const drift = Math.abs(now - Date.parse(today)) / dayMs;
  return drift > 2 || (before !== undefined && Math.abs(daysBetween(before, today)) > gapDaysMax);
}

function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / dayMs);
}

/** Verifies the whole file, and that the next one follows it, before it is called prunable. */
async function describe(
  deps: AuditDeps,
  oldest: ClosedFile,
  next: ClosedFile,
  { firstSeq: expectedSeq, key }: PruneContext,
): Promise<Draft | undefined> {
  const head = readHead(deps.files, oldest.path, deps.sha256);
  const following = readHead(deps.files, next.path, deps.sha256);
  const chain = head && !isFlaw(head) ? Chain.from(head, deps.sha256) : undefined;
  if (!chain || isFlaw(chain)) return keep(deps, oldest, "its first record is damaged");
  const firstSeq = chain.seq + 1;
  if (firstSeq > expectedSeq) return keep(deps, oldest, `the records from seq ${expectedSeq} up to it are missing`);
  const flaw = await walk(deps, oldest, chain);
  if (flaw !== undefined) return keep(deps, oldest, flaw);
  if (!following || isFlaw(following) || following.prev_hash !== chain.hash)
    return keep(deps, oldest, "the next file does not follow it");
  const bytes = deps.files.readAll(oldest.path, Number.MAX_SAFE_INTEGER);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)).toHex();
  const root = chain.tree.root();
  const pruned = { logId: chain.logId, firstSeq, lastSeq: chain.seq, lastHash: chain.hash, root };
  const signature = await key.sign(pruneStatement(pruned));
  return {
    event: "prune",
    reason: `older than ${deps.retentionDays} days`,
    file: oldest.name,
    first_seq: firstSeq,
    last_seq: chain.seq,
    last_hash: chain.hash,
    bytes: bytes.length,
    digest,
    tree_size: chain.tree.size,
    tree_root: root,
    tree_range: encodeRange(chain.tree.range),
    signature: signature.toBase64(),
  };
}

async function walk(deps: AuditDeps, closed: ClosedFile, chain: Chain): Promise<string | undefined> {
  const file = deps.files.openRead(closed.path);
  const segment = { ...closed, closed: true };
  try {
    for await (const lines of linesOf(file, 0, file.stat().bytes)) {
      for (const line of lines) {
        const frame = chain.take(line);
        if (isFlaw(frame)) return `seq ${chain.seq + 1}: ${frame.flaw}`;
        const misplaced = misplacement(frame, segment, line.offset === 0);
        if (misplaced !== undefined) return `seq ${chain.seq}: ${misplaced}`;
      }
    }
    return undefined;
  } finally {
    file.close();
  }
}

/** A damaged file is evidence, so it stays; writing goes on, because the damage is not in what we write. */
function keep(deps: AuditDeps, file: ClosedFile, why: string): undefined {
  deps.log.error("audit_prune_refused", { file: file.name, why: why });
  return undefined;
}
