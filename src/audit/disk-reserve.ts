import type { Files } from "../runtime/types.ts";

export interface Reserve {
  readonly files: Pick<Files, "freeBytes">;
  readonly dir: string;
  readonly diskReserveMb: number;
}

/** What is missing of the space kept for outcomes and halts, in words; undefined when it is there. */
export function lackOfSpace({ files, dir, diskReserveMb }: Reserve): string | undefined {
  const freeMb = Math.floor(freeBytes(files, dir) / 1_048_576);
  return freeMb >= diskReserveMb
    ? undefined
    : `${freeMb} MiB are free in ${dir}, audit.disk_reserve_mb wants ${diskReserveMb}`;
}

/** A file system that can't be asked counts as a full one. */
function freeBytes(files: Reserve["files"], dir: string): number {
  try {
    return files.freeBytes(dir);
  } catch {
    return 0;
  }
}
