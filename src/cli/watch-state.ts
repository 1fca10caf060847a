import type { GatewayAnswer, JobAnswer } from "./answers.ts";
import type { Notice } from "./follow-events.ts";
import { fieldsIn, idsOf } from "./frame-text.ts";

/** What the live view of `watch` shows. */
export interface WatchState {
  readonly url: string;
  readonly connection: "live" | "lost";
  /** Why it was lost. */
  readonly detail: string;
  /** When the gateway last said anything, in milliseconds since 1970. */
  readonly heardAtMs: number;
  /** The gateway's own connection to Podium's telemetry, in its word. */
  readonly telemetry: string;
  /** Podium's word for itself, such as `running` or `halted`. */
  readonly podium: string;
  /** Undefined until Podium has told. */
  readonly queue: readonly string[] | undefined;
  readonly running: readonly string[] | undefined;
  readonly agents: { readonly busy: number; readonly total: number } | undefined;
  /** Newest first; undefined until they were read. */
  readonly jobs: readonly JobAnswer[] | undefined;
  /** The last frames that tell something of their own, as they came, oldest first. */
  readonly frames: readonly string[];
}

/** Frames that only say anew what stands above them: a running story sends several of these a second. */
const counted: ReadonlySet<string> = new Set(["QUEUE_UPDATE", "AGENT_STATUS", "SNAPSHOT"]);
/** More than any terminal has rows. */
const framesMax = 64;

export function watchState(url: string, nowMs: number): WatchState {
  return {
    url,
    connection: "live",
    detail: "",
    heardAtMs: nowMs,
    telemetry: "",
    podium: "",
    queue: undefined,
    running: undefined,
    agents: undefined,
    jobs: undefined,
    frames: [],
  };
}

/** It has answered or sent something: so it lives. */
export function afterSign(state: WatchState, nowMs: number): WatchState {
  return { ...state, heardAtMs: nowMs };
}

/** @param listed types of frames to list; those that tell of the gateway always are */
export function afterNotice(state: WatchState, notice: Notice, listed?: ReadonlySet<string>): WatchState {
  if (notice.kind === "lost") return { ...state, connection: "lost", detail: notice.detail };
  if (notice.kind === "back") return { ...state, connection: "live", detail: "" };
  const frame = fieldsIn(notice.text);
  const frames = isListed(frame, listed) ? [...state.frames, notice.text].slice(-framesMax) : state.frames;
  const podium = frame?.["type"] === "SNAPSHOT" ? frame["podium"] : frame;
  return { ...afterPodium(state, podium), ...telemetryIn(frame), frames };
}

function isListed(frame: Fields | undefined, listed: ReadonlySet<string> | undefined): boolean {
  const type = frame?.["type"];
  if (typeof type !== "string" || type === "GATEWAY_STATUS" || type === "GAP") return true;
  // A snapshot that could not be had tells nothing above, and says why.
  if (type === "SNAPSHOT" && frame?.["podium"] === null) return true;
  return listed ? listed.has(type) : !counted.has(type);
}

function telemetryIn(frame: Fields | undefined): Partial<WatchState> {
  const word = frame?.["type"] === "GATEWAY_STATUS" ? frame["podium"] : undefined;
  return typeof word === "string" ? { telemetry: word } : {};
}

type Fields = Readonly<Record<string, unknown>>;

/** What a status answer or a frame says; what it does not mention stays. Shapes are Podium's business: read defensively. */
export function afterPodium(state: WatchState, podium: unknown): WatchState {
  if (typeof podium !== "object" || podium === null) return state;
  const { queue, running, agents, orchestrator, state: own } = podium as Fields;
  const word = (orchestrator as Fields | null | undefined)?.["state"] ?? own;
  return {
    ...state,
    ...(Array.isArray(queue) && { queue: idsOf(queue) }),
    ...(Array.isArray(running) && { running: idsOf(running) }),
    ...(Array.isArray(agents) && { agents: { busy: agents.filter(isBusy).length, total: agents.length } }),
    ...(typeof word === "string" && { podium: word }),
  };
}

function isBusy(agent: unknown): boolean {
  return (agent as Fields | null)?.["status"] === "busy";
}

export function afterGateway(state: WatchState, gateway: GatewayAnswer): WatchState {
  const upstream = gateway?.stream?.upstream;
  return upstream === undefined ? state : { ...state, telemetry: upstream };
}
