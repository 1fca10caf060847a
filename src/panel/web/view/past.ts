import type { Attempt, PanelState } from "../live/store.ts";
import { isHalted } from "../state/work.ts";

const mended: Readonly<Record<string, { readonly words: string; readonly isMended: (now: Now) => boolean }>> = {
  podium_unreachable: { words: "Podium answers by now", isMended: ({ isAnswered }) => isAnswered },
  cancelled_by_halt: {
    words: "The orchestrator runs by now",
    isMended: ({ isAnswered, state }) => isAnswered && !isHalted(state.work),
  },
  audit_unavailable: { words: "roxy-core takes dispatches by now", isMended: ({ isReady }) => isReady },
  shutting_down: { words: "roxy-core takes dispatches by now", isMended: ({ isReady }) => isReady },
};

interface Now {
  readonly state: PanelState;
  /** Podium has told its status to a question from after the attempt. */
  readonly isAnswered: boolean;
  /** roxy-core has said, after the attempt, that it would take a dispatch. */
  readonly isReady: boolean;
}

/**
 * What holds in place of the reason why an attempt came to nothing, when that has gone; undefined while it stands, or
 * where nobody can tell. Its message stays until its reader puts it away, as one of the past.
 */
export function pastWords({ problem, endedMs = 0, earlierInDoubt }: Attempt, state: PanelState): string | undefined {
  const known = mended[problem?.code ?? ""];
  if (!known || earlierInDoubt || problem?.retry === "same-key") return undefined;
  const { facts, statusAskedMs } = state;
  const isAnswered = facts.podium === "answered" && facts.upstream === "connected" && statusAskedMs > endedMs;
  const isReady = facts.audit === "open" && facts.refuses === "" && facts.readyAskedMs > endedMs;
  return known.isMended({ state, isAnswered, isReady }) ? known.words : undefined;
}
