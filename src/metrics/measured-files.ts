import type { Clock } from "../lib/clock.ts";
import type { AppendFile, Files } from "../runtime/types.ts";
import type { Instruments } from "./instruments.ts";

/** The same files; how long a sync takes and what fails is told on the way. */
export function measuredFiles(files: Files, clock: Clock, instruments: Instruments): Files {
  return { ...files, openAppend: (path) => measured(files.openAppend(path), clock, instruments) };
}

function measured(file: AppendFile, clock: Clock, instruments: Instruments): AppendFile {
  return {
    write(bytes) {
      try {
        return file.write(bytes);
      } catch (error) {
        instruments.fileFault("write");
        throw error;
      }
    },
    async datasync(here) {
      const startedAt = clock.monotonic();
      try {
        await file.datasync(here);
      } catch (error) {
        instruments.fileFault("sync");
        throw error;
      }
      instruments.synced(clock.monotonic() - startedAt);
    },
    stat: () => file.stat(),
    close: () => file.close(),
  };
}
