const escape = "\u001b";

/** What stands on a terminal after all that a program has written: the few sequences that ours uses, and no others. */
export function screenModel(written: string, columns = 1_000): { lines: string[]; cursorShown: boolean } {
  let lines: string[] = [""];
  let first: { lines: string[]; row: number; column: number } | undefined;
  let [row, column, cursorShown] = [0, 0, true];
  const goTo = (to: number): void => {
    row = Math.max(0, to);
    while (lines.length <= row) lines.push("");
  };
  const token = new RegExp(`${escape}\\[(\\??\\d*)([A-Za-z])|\\r|\\n|[^${escape}\\r\\n]+`, "gu");
  for (const [text, parameter = "", letter] of written.matchAll(token)) {
    if (text === "\r") column = 0;
    else if (text === "\n") {
      goTo(row + 1);
      column = 0;
    } else if (letter === undefined) {
      const line = lines[row]!.padEnd(column);
      lines[row] = line.slice(0, column) + text + line.slice(column + text.length);
      column += text.length;
      if (column > columns) throw new Error(`Wider than ${columns} columns: ${lines[row]}`);
    } else if (letter === "A") goTo(row - Number(parameter || "1"));
    else if (letter === "K") lines[row] = lines[row]!.slice(0, column);
    else if (letter === "J" && parameter === "2") lines.fill("");
    else if (letter === "J") {
      lines[row] = lines[row]!.slice(0, column);
      lines.splice(row + 1);
    } else if (letter === "H") [row, column] = [0, 0];
    else if (text === `${escape}[?1049h`) {
      first = { lines, row, column };
      lines = [""];
      [row, column] = [0, 0];
    } else if (text === `${escape}[?1049l`) {
      ({ lines, row, column } = first!);
    } else if (parameter === "?25") cursorShown = letter === "h";
    else if (letter !== "m") throw new Error(`An unexpected sequence: ${JSON.stringify(text)}`);
  }
  return { lines, cursorShown };
}
