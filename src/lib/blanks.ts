/**
 * A header field's value or a list's member without the blanks around it (RFC 9110 section 5.6.3: spaces and tabs, and no
 * other white space). By hand: as a pattern, a line of blanks costs its square, seconds for one header.
 */
export function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text[from])) from++;
  while (from < to && isBlank(text[to - 1])) to--;
  return text.slice(from, to);
}

function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t";
}
