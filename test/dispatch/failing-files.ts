import type { AppendFile, Files } from "../../src/runtime/types.ts";
import { runtime } from "#runtime";

export interface FailingFiles {
  readonly files: Files;
  /** What the next write or fdatasync of the log does; undefined does what it should. */
  fault: "write" | "short write" | "datasync" | undefined;
  /** While it is set, an fdatasync returns when it resolves. */
  syncing: Promise<void> | undefined;
  /** Called after each fdatasync that succeeded. */
  synced: () => void;
}

/** The real files, whose append side fails when told to. */
export function failingFiles(): FailingFiles {
  const self: FailingFiles = {
    files: { ...runtime.files, openAppend },
    fault: undefined,
    syncing: undefined,
    synced() {},
  };
  function openAppend(path: string): AppendFile {
    const file = runtime.files.openAppend(path);
    return {
      ...file,
      write(bytes) {
        if (self.fault === "write") throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
        return file.write(self.fault === "short write" ? bytes.subarray(0, bytes.length - 1) : bytes);
      },
      async datasync() {
        if (self.fault === "datasync") throw Object.assign(new Error("EIO: input/output error"), { code: "EIO" });
        await self.syncing;
        await file.datasync();
        self.synced();
      },
    };
  }
  return self;
}
