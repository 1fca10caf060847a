import type { Column } from "./columns.ts";
import { fieldList, table } from "./columns.ts";
import { idsOf, listed } from "./frame-text.ts";
import { printable } from "./printable.ts";
import type { Screen } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";

/** Podium's status for people: the parts whose names we know, and all of it as JSON where we know none. */

type Fields = Record<string, unknown>;

const storyColumns: readonly Column[] = [
  { title: "STORY" },
  { title: "STATUS", columnsMax: 14, style: styleOfStatus },
  { title: "QUEUE", columnsMax: 12 },
  { title: "TITLE", columnsMax: 60 },
];

/** Rows of a table that one look takes in; `--json` has all. */
const rowsMax = 40;

export function podiumText(screen: Screen, podium: unknown): string {
  const status = fieldsOf(podium);
  const orchestrator = fieldsOf(status?.["orchestrator"]);
  const state = word(orchestrator?.["state"] ?? status?.["state"]);
  const running = idsOf(status?.["running"] ?? (status?.["currentStory"] ? [status["currentStory"]] : undefined));
  const agents = listOf(status?.["agents"]);
  const stories = listOf(status?.["stories"]);
  if (!status || (state === "" && stories.length === 0 && agents.length === 0 && !Array.isArray(status["queue"]))) {
    return fieldList(screen, [["podium", printable(JSON.stringify(podium) ?? "")]]);
  }
  const busy = agents.filter((agent) => agent["status"] === "busy").length;
  const fields = fieldList(screen, [
    [
      "podium",
      [word(orchestrator?.["name"]), screen.paint(styleOfStatus(state) ?? "bold", state)].filter(Boolean).join(": "),
    ],
    ["running", running.length === 0 ? "nothing" : listed(running)],
    ["queue", listed(idsOf(status["queue"])) || "empty"],
    ["agents", agents.length === 0 ? undefined : `${busy} of ${agents.length} busy`],
  ]);
  return stories.length === 0 ? fields : `${fields}\n${storyTable(screen, stories)}`;
}

function storyTable(screen: Screen, stories: readonly Fields[]): string {
  const shown = screen.isTerminal ? stories.slice(0, rowsMax) : stories;
  const rows = shown.map((story) => ["storyId", "status", "queue", "title"].map((name) => raw(story[name])));
  const more = stories.length > shown.length ? `… and ${stories.length - shown.length} more; --json has all\n` : "";
  return table(screen, storyColumns, rows) + more;
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf).filter((item) => item !== undefined) : [];
}

function raw(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function word(value: unknown): string {
  return printable(raw(value));
}
