/** @jsxImportSource hono/jsx/dom */
import type { PanelState } from "../live/store.ts";
import { Time } from "./text.tsx";

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
