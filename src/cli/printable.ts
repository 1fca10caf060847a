/**
 * Text from elsewhere, made safe to show: nothing in it may drive a terminal, forge a line or turn the text around it
 * to the left. Everything that Unicode calls control, format, private or unassigned is shown by its number.
 */

/** A joiner between two pictographs only makes one picture of them: families stay families. */
const joinsPictographs = String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\u{fe0f}])\u{200d}(?=\p{Extended_Pictographic})`;
/** Line and paragraph separators are no controls, but some terminals and editors begin a line at them. */
const unsafe = new RegExp(String.raw`(?!${joinsPictographs})[\p{C}\p{Zl}\p{Zp}]`, "gu");

/** On one line. */
export function printable(text: string): string {
  return text.replaceAll(unsafe, numbered);
}

/** The same, but line feeds stay: for text that we have made of lines ourselves. */
export function printableLines(text: string): string {
  return text.replaceAll(unsafe, (unit) => (unit === "\n" ? unit : numbered(unit)));
}

/**
 * JSON text on one line that says the same: a line break between tokens is white space, and what could drive a terminal
 * is written as JSON's own escape. Only strings can hold such characters.
 */
export function printableJson(json: string): string {
  return json.replaceAll(/[\r\n\t]+/g, " ").replaceAll(unsafe, (unit) => {
    return unit.replaceAll(/[^]/g, (half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, "0")}`);
  });
}

/** The same for JSON text of several lines, as people read it. */
export function printableJsonLines(json: string): string {
  return json.split("\n").map(printableJson).join("\n");
}

/** What is kept byte for byte: a pipe gets it so, and a person's terminal what can't drive it. */
export function exactInPipe(
  { stdoutIsTerminal }: { readonly stdoutIsTerminal: boolean },
  text: string,
  harmless: (text: string) => string,
): string {
  return stdoutIsTerminal ? harmless(text) : text;
}

/** For a line that people copy into a shell: a stranger's word must stay one word. */
export function shellWord(word: string): string {
  const text = printable(word);
  return /^[\w.:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function numbered(unit: string): string {
  return `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`;
}
