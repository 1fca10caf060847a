import { parseJson } from "../api/json.ts";
import { stored } from "./press-keys.ts";
import type { Attempt } from "./store.ts";

interface LastHalt {
  readonly key: string;
  readonly attempt: Attempt;
}

const slot = "roxy-halt";

/** This tab's last halt that did not come through, or of which nobody knows: it stands over a reload too. */
export function lastHalt(): LastHalt | undefined {
  return parseJson(stored(() => sessionStorage.getItem(slot)) ?? "") as LastHalt | undefined;
}

export function keepHalt(halt: LastHalt): void {
  stored(() => sessionStorage.setItem(slot, JSON.stringify(halt)));
}

export function forgetHalt(): void {
  stored(() => sessionStorage.removeItem(slot));
}
