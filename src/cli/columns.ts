import { printable } from "./printable.ts";
import type { Screen, Style } from "./screen.ts";

/** Text in columns, counted as a terminal shows it. */

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** East Asian Wide and Fullwidth (Unicode UAX #11), in whole blocks: a column too many never breaks a table. */
const wide =
  /[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{a4cf}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\u{fe0f}/u;

/** Columns that printable text takes: a picture or an ideograph two, a mark on another letter none. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of segmenter.segment(text)) columns += columnsOf(segment);
  return columns;
}

function columnsOf(grapheme: string): number {
  if (wide.test(grapheme)) return 2;
  return /^\p{M}*$/u.test(grapheme) ? 0 : 1;
}

/** At most this many columns, with an ellipsis for the rest. */
export function clipped(text: string, columnsMax: number): string {
  // No more than this can be shown, and counting graphemes of a megabyte takes its time.
  const near = text.length > columnsMax * 16 ? text.slice(0, columnsMax * 16) : text;
  if (near.length === text.length && displayWidth(text) <= columnsMax) return text;
  let kept = "";
  let columns = 0;
  for (const { segment } of segmenter.segment(near)) {
    columns += columnsOf(segment);
    if (columns > columnsMax - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

export interface Column {
  readonly title: string;
  /** On a terminal no wider than this; a pipe gets everything. */
  readonly columnsMax?: number;
  /** And, on a narrow one, no narrower than this. */
  readonly columnsMin?: number;
  readonly style?: (cell: string) => Style | undefined;
}

/**
 * Rows under each other. On a terminal with a heading and clipped cells; in a pipe without, and `-` for an empty cell,
 * so that every line has as many words as columns where the cells are words.
 * @param rows text from anywhere
 */
export function table(screen: Screen, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => columns.map((column, i) => cellOf(screen, column, row[i] ?? "")));
  const titles = columns.map(({ title }) => title);
  const shown = screen.isTerminal ? [titles, ...cells] : cells;
  const wanted = columns.map((_, i) => Math.max(0, ...shown.map((row) => displayWidth(row[i] ?? ""))));
  const widths = screen.columns === undefined ? wanted : narrowed(columns, wanted, screen.columns);
  return shown
    .map((whole, at) => {
      const row = whole.map((cell, i) => (widths[i]! < wanted[i]! ? clipped(cell, widths[i]!) : cell));
      const isHeading = screen.isTerminal && at === 0;
      const painted = row.map((cell, i) => {
        const style = isHeading ? "dim" : columns[i]?.style?.(cell);
        const text = i === row.length - 1 ? cell : padded(cell, widths[i] ?? 0);
        return style === undefined ? text : screen.paint(style, text);
      });
      return `${painted.join(" ".repeat(gap)).trimEnd()}\n`;
    })
    .join("");
}

const gap = 2;
/** Less than this says nothing any more; then a line rather breaks. */
const narrowMin = 6;

/** The widths that fit: the widest column that may be cut gives way first. */
function narrowed(columns: readonly Column[], wanted: readonly number[], columnsMax: number): number[] {
  const widths = [...wanted];
  const excess = (): number => widths.reduce((sum, width) => sum + width, gap * (widths.length - 1)) - columnsMax;
  while (excess() > 0) {
    const widest = columns.reduce(
      (best, { columnsMax: mayCut, columnsMin = narrowMin }, i) =>
        mayCut !== undefined && widths[i]! > columnsMin && widths[i]! > (widths[best] ?? 0) ? i : best,
      -1,
    );
    if (widest === -1) break;
    widths[widest]!--;
  }
  return widths;
}

function cellOf({ isTerminal }: Screen, { columnsMax }: Column, value: string): string {
  const text = printable(value);
  if (!isTerminal) return text === "" ? "-" : text;
  return columnsMax === undefined ? text : clipped(text, columnsMax);
}

/** Names and values under each other; what has no value is left out. */
export function fieldList(
  screen: Screen,
  fields: readonly (readonly [name: string, value: string | undefined])[],
): string {
  const known = fields.filter((field): field is readonly [string, string] => field[1] !== undefined && field[1] !== "");
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${screen.paint("dim", name.padEnd(width))}  ${value}\n`).join("");
}
