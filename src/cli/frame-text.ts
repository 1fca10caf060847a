import { clipped } from "./columns.ts";
import { printable } from "./printable.ts";
import type { Screen, Style } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";

/** Frames as lines for people. Their shapes are Podium's business: what is not there is left out. */

export type Fields = Record<string, unknown>;

/** A line on a terminal; a pipe gets all of it. */
const columnsMax = 200;
/** Names in a list before it says "and more". */
const namesMax = 8;

/** One line with its newline. @param frameText a frame as it came */
export function frameLine(screen: Screen, frameText: string): string {
  const frame = fieldsIn(frameText);
  const words = (painting: Screen): string => (frame ? wordsOf(painting, frame) : printable(frameText));
  const plain = words(colourless);
  const short = screen.isTerminal ? clipped(plain, columnsMax) : plain;
  // A line that had to be clipped goes without colours: cutting between them could leave one on.
  const line = short === plain ? words(screen) : short;
  return `${screen.paint("dim", timeOf(frame?.["timestamp"]))}  ${line}\n`;
}

/** A terminal that shows no colours. */
export const colourless: Screen = { isTerminal: true, paint: (_, plain) => plain };

/** A frame as JSON text, when it is an object. */
export function fieldsIn(text: string): Fields | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function timeOf(timestamp: unknown): string {
  const stamp = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
  return `${new Date(Number.isNaN(stamp) ? Date.now() : stamp).toISOString().slice(11, 19)}Z`;
}

function wordsOf(screen: Screen, frame: Fields): string {
  switch (frame["type"]) {
    case "STORY_STATUS":
      return storyWords(screen, frame);
    case "QUEUE_UPDATE":
      return queueWords(frame);
    case "AGENT_STATUS":
      return agentWords(frame);
    case "GATEWAY_STATUS":
      return gatewayWords(screen, frame);
    case "GAP":
      return screen.paint("yellow", `gap: something may have been missed (${shown(frame["reason"])})`);
    case "SNAPSHOT":
      return snapshotWords(screen, frame);
    default:
      return otherWords(frame);
  }
}

function storyWords(screen: Screen, { storyId, previousStatus, status, agent, message }: Fields): string {
  const now = shown(status);
  const style = styleOfStatus(now);
  const steps = [...(previousStatus === undefined ? [] : [shown(previousStatus), "→"]), painted(screen, style, now)];
  return [screen.paint("bold", shown(storyId)), ...steps, shown(agent), shown(message)].filter(Boolean).join(" ");
}

function queueWords({ state, queue, running }: Fields): string {
  const names = idsOf(queue);
  const waiting = names.length === 0 ? "empty" : `${names.length} waiting (${listed(names)})`;
  const busy = idsOf(running);
  const halted = state === "halted" ? ", halted" : "";
  return `queue: ${waiting}${busy.length === 0 ? "" : `, running ${listed(busy)}`}${halted}`;
}

function agentWords({ agents }: Fields): string {
  if (!Array.isArray(agents)) return "agents";
  const busy = agents.filter((agent: Fields | null) => agent?.["status"] === "busy");
  const work = busy.map((agent: Fields) => `${shown(agent["agentId"] ?? agent["name"])}: ${shown(agent["storyId"])}`);
  return `agents: ${busy.length} of ${agents.length} busy${work.length === 0 ? "" : ` (${listed(work)})`}`;
}

function gatewayWords(screen: Screen, { podium, detail, warning, ignored }: Fields): string {
  if (warning !== undefined) return screen.paint("yellow", `gateway: ${shown(warning)}`);
  const state = shown(podium);
  const more = detail === undefined ? "" : ` (${shown(detail)})`;
  const lost = ignored === undefined ? "" : `; frames that could not be passed on: ${shown(ignored)}`;
  return `gateway: Podium's telemetry is ${painted(screen, styleOfStatus(state), state)}${more}${lost}`;
}

/** Without Podium's status it says why there is none. */
function snapshotWords(screen: Screen, { podium, detail }: Fields): string {
  if (podium !== null) return "snapshot: Podium's state of this moment";
  return screen.paint("yellow", `no snapshot: ${shown(detail) || "Podium can't be asked"}`);
}

function otherWords({ type, ...rest }: Fields): string {
  const entries = Object.entries(rest).filter(([name]) => name !== "timestamp");
  const words = entries.map(([name, value]) => `${printable(name)}=${shown(value)}`);
  return [shown(type), ...words].join(" ");
}

function painted(screen: Screen, style: Style | undefined, word: string): string {
  return style === undefined ? word : screen.paint(style, word);
}

/** Any value as printable text; nothing for what is not there. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}

/** Story ids in a list of ids, or of objects that name one. */
export function idsOf(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => shown(typeof item === "object" ? (item as Fields | null)?.["storyId"] : item));
}

export function listed(names: readonly string[]): string {
  const more = names.length > namesMax ? `, and ${names.length - namesMax} more` : "";
  return names.slice(0, namesMax).join(", ") + more;
}
