/** @jsxImportSource hono/jsx/dom */
import type { PanelState } from "../live/store.ts";
import { Time } from "./text.tsx";

/** Why a list is empty that could not be read. @returns undefined when it was */
export function unread({ workAt, facts }: PanelState): string | undefined {
  if (workAt !== "") return undefined;
  return facts.podium === "failed" ? "Podium can't be asked, so this is not known." : "Not read yet.";
}

/** Says when what is shown can be old: nothing on this page passes for newer than it is. */
export function Freshness({ state }: { state: PanelState }) {
  const { facts, workAt, nowMs } = state;
  if (workAt === "") return null;
  const isLive = facts.gateway === "up" && facts.stream === "open" && facts.upstream === "connected";
  if (isLive && facts.podium === "answered") return null;
  return (
    <span class="fine stale">
      as of <Time at={workAt} nowMs={nowMs} />
    </span>
  );
}
