import type { Spread } from "./measure.ts";

/** What the bench found, as a table: for the terminal while it runs, and for `dist/bench.md`. */

export interface Row {
  readonly what: string;
  /** What was measured, with its unit. */
  readonly ours: string;
  readonly against: string;
  /** Ours by the other's, within one round each. */
  readonly ratio?: Spread;
  /** The bound that the ratio should keep, such as `≤ 1.3`; absent for what is only told. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

const rows: { section: string; row: Row }[] = [];
const notes: string[] = [];
let section = "";

export function begin(title: string): void {
  section = title;
  console.log(`\n${title}`);
}

export function tell(row: Row): void {
  rows.push({ section, row });
  const [what, ours, against, ratio, goal, met] = cells(row);
  console.log(
    `  ${what}: ${ours}; ${against}${ratio === "" ? "" : `; ratio ${ratio}`}${goal === "" ? "" : ` (goal ${goal}: ${met})`}`,
  );
}

/** Something that a reader of the table must know. */
export function note(text: string): void {
  notes.push(text);
  console.log(`  note: ${text}`);
}

function cells({ what, ours, against, ratio, goal }: Row): string[] {
  const bound = goal === undefined ? "" : "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
  return [
    what,
    ours,
    against,
    ratio ? spreadText(ratio, plain) : "",
    bound,
    goal && ratio ? (isMet(goal, ratio) ? "yes" : "**no**") : "",
  ];
}

function isMet(goal: NonNullable<Row["goal"]>, { median }: Spread): boolean {
  return "atMost" in goal ? median <= goal.atMost : median >= goal.atLeast;
}

export function spreadText({ median, least, most, rounds }: Spread, text: (value: number) => string): string {
  return rounds === 1 ? text(median) : `${text(median)} (${text(least)}–${text(most)})`;
}

export function plain(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export const units = {
  us: (spread: Spread) => `${spreadText(spread, (value) => value.toFixed(0))} µs`,
  ms: (spread: Spread) => `${spreadText(spread, plain)} ms`,
  perSecond: (spread: Spread) => `${spreadText(spread, (value) => value.toFixed(0))} /s`,
  mb: (spread: Spread) => `${spreadText(spread, (value) => (value / 1e6).toFixed(0))} MB`,
} as const;

export function markdown(machine: string): string {
  const lines = ["# Bench", "", machine, ""];
  for (const title of new Set(rows.map((entry) => entry.section))) {
    lines.push(
      `## ${title}`,
      "",
      "| what | ours | against | ratio | goal | met |",
      "| --- | --- | --- | --- | --- | --- |",
    );
    for (const entry of rows) if (entry.section === title) lines.push(`| ${cells(entry.row).join(" | ")} |`);
    lines.push("");
  }
  if (notes.length > 0) lines.push("## Notes", "", ...notes.map((text) => `- ${text}`), "");
  return lines.join("\n");
}
