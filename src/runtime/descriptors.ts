import fs from "node:fs";

/** Four times a second: a flood fills what there is within a second, and who wants to halt has no more patience than that. */
const lookMs = 250;
/** The last quarter is for those who say something, and for files and connections of our own. */
const fullShare = 3 / 4;

/**
 * Calls `relieve` again and again while most of the descriptors that this process may have are taken. One that is opened
 * gets the lowest free number (open(2)), so that its number tells how many are taken at least.
 * @returns what ends the looking
 */
export function watchDescriptors(relieve: () => void): () => void {
  const full = descriptorsMax() * fullShare;
  const look = (): void => {
    if (descriptorsTaken() >= full) relieve();
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

function descriptorsTaken(): number {
  try {
    const fd = fs.openSync("/dev/null", "r");
    fs.closeSync(fd);
    return fd;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Infinity where proc(5) does not tell: being out of them is noticed all the same. */
export function descriptorsMax(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(fs.readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
