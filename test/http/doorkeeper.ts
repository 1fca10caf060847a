import type { Doorkeeper } from "../../src/http/authenticate.ts";
import { Sessions } from "../../src/http/sessions.ts";
import { TokenStore } from "../../src/http/token-store.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Log } from "../../src/lib/log.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { FileFacts } from "../../src/runtime/types.ts";
import { runtime } from "#runtime";
import { FakeClock } from "../lib/fake-clock.ts";

/** A token file in memory. */
export class FakeTokenFile {
  text: string;
  facts: FileFacts | undefined = {
    kind: "file",
    bytes: 0,
    device: 1,
    inode: 1,
    mode: 0o600,
    owner: 1000,
    modifiedMs: 1,
  };
  reads = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** As an editor leaves it behind: another inode. */
  replace(text: string, facts: Partial<FileFacts> = {}): void {
    this.text = text;
    this.facts = { ...this.facts!, ...facts, inode: this.facts!.inode + 1 };
  }

  store(log: Log = silentLog): TokenStore {
    return new TokenStore({
      path: "/tokens",
      sha256: runtime.sha256,
      log,
      files: {
        stat: () => this.facts,
        user: () => 1000,
        readAll: () => {
          this.reads++;
          return new TextEncoder().encode(this.text);
        },
      },
    });
  }
}

export function doorkeeperOf(file: FakeTokenFile | string, clock: Clock = new FakeClock()): Doorkeeper {
  const from = typeof file === "string" ? new FakeTokenFile(file) : file;
  return { tokens: from.store(), sessions: new Sessions(clock, runtime.sha256) };
}

export function lineOf(name: string, role: string, token: string): string {
  return `${name} ${role} sha256:${runtime.sha256(token)}\n`;
}
