import type { Node, ParseError } from "jsonc-parser";
import { createScanner, parseTree, printParseErrorCode } from "jsonc-parser";

/** Keys and list positions from the root to a value. */
export type JsonPath = readonly (string | number)[];

/** A place in a text. Both count from 1; columns count UTF-16 units, as editors do. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface JsoncMistake extends Place {
  readonly path: JsonPath;
  readonly detail: string;
}

export interface Jsonc {
  /** Undefined when the text holds nothing but comments. Not to be trusted when there are mistakes. */
  readonly value: unknown;
  readonly mistakes: readonly JsoncMistake[];
  /** Where a key or its value stands; the nearest enclosing value when the path is not in the text. */
  placeOf(path: JsonPath, part: "key" | "value"): Place;
  has(path: JsonPath): boolean;
}

/** Arrays and objects inside each other. Our deepest setting has 5 levels; the parser recurses, so there is an end. */
export const jsoncDepthMax = 32;

/**
 * Parses JSON with comments and trailing commas. Never throws: syntax errors, keys that stand twice, `__proto__` and
 * nesting past {@link jsoncDepthMax} come back as mistakes, in the order of the text.
 */
export function parseJsonc(source: string): Jsonc {
  const text = source.startsWith("\ufeff") ? source.slice(1) : source;
  const starts = lineStarts(text);
  const place = (offset: number): Place => placeAt(starts, offset);
  const tooDeep = offsetPastDepth(text);
  if (tooDeep !== undefined) {
    const detail = `Nested deeper than ${jsoncDepthMax} levels`;
    return described(undefined, [{ ...place(tooDeep), path: [], detail }], place);
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  const mistakes = [...syntaxMistakes(errors, place), ...(root ? keyMistakes(root, [], place) : [])];
  mistakes.sort((a, b) => a.line - b.line || a.column - b.column);
  return described(root, mistakes, place);
}

function described(root: Node | undefined, mistakes: readonly JsoncMistake[], place: (offset: number) => Place): Jsonc {
  return {
    value: root && valueOf(root),
    mistakes,
    placeOf: (path, part) => place(offsetOf(root, path, part)),
    has: (path) => root !== undefined && walk(root, path).rest === 0,
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (const end of text.matchAll(/\r\n|\n|\r/g)) starts.push(end.index + end[0].length);
  return starts;
}

function placeAt(starts: readonly number[], offset: number): Place {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

/** Runs on tokens, before the parser, whose recursion a hostile file could exhaust. */
function offsetPastDepth(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const first = text[scanner.getTokenOffset()];
    if (first === "}" || first === "]") depth--;
    if ((first === "{" || first === "[") && ++depth > jsoncDepthMax) return scanner.getTokenOffset();
  }
  return undefined;
}

const valueExpected = "Expected a value: text in quotes, a number, true, false, null, { or [";

const syntaxWords: Readonly<Record<string, string>> = {
  InvalidSymbol: valueExpected,
  InvalidNumberFormat: "This is not a number",
  PropertyNameExpected: "Expected a key in double quotes",
  ValueExpected: valueExpected,
  ColonExpected: "Expected ':' after the key",
  CommaExpected: "Expected ',' or a closing bracket before this",
  CloseBraceExpected: "Expected '}': an object is not closed",
  CloseBracketExpected: "Expected ']': a list is not closed",
  EndOfFileExpected: "Expected the end of the file",
  UnexpectedEndOfComment: "This comment is not closed with */",
  UnexpectedEndOfString: "This text is not closed with a double quote",
  UnexpectedEndOfNumber: "This number is not complete",
  InvalidUnicode: "Expected four hexadecimal digits after \\u",
  InvalidEscapeCharacter: "Unknown escape after the backslash",
  InvalidCharacter: "A control character must be written as an escape, such as \\n or \\t",
};

/** The first complaint of each line: after one, the parser stumbles over what follows it. */
function syntaxMistakes(errors: readonly ParseError[], place: (offset: number) => Place): JsoncMistake[] {
  const lines = new Set<number>();
  return errors.flatMap((error, index): JsoncMistake[] => {
    const at = place(error.offset);
    if (lines.has(at.line)) return [];
    lines.add(at.line);
    return [{ ...at, path: [], detail: syntaxDetail(error, errors[index + 1]) }];
  });
}

/** A bare word in a key's place is first an unknown symbol and then a missing key. */
function syntaxDetail(error: ParseError, next: ParseError | undefined): string {
  const code = printParseErrorCode(error.error);
  const nextCode = next && printParseErrorCode(next.error);
  const telling = code === "InvalidSymbol" && nextCode === "PropertyNameExpected" ? nextCode : code;
  return syntaxWords[telling] ?? "This is not JSON";
}

function keyMistakes(node: Node, path: JsonPath, place: (offset: number) => Place): JsoncMistake[] {
  if (node.type === "array") {
    return (node.children ?? []).flatMap((child, index) => keyMistakes(child, [...path, index], place));
  }
  if (node.type !== "object") return [];
  const seen = new Map<string, Place>();
  return membersOf(node).flatMap(({ key, keyNode, value }) => {
    const at = place(keyNode.offset);
    const detail = refusalOf(key, seen.get(key));
    seen.set(key, seen.get(key) ?? at);
    const inside = value ? keyMistakes(value, [...path, key], place) : [];
    return detail === undefined ? inside : [{ ...at, path: [...path, key], detail }, ...inside];
  });
}

function refusalOf(key: string, earlier: Place | undefined): string | undefined {
  if (key === "__proto__") return "This key is not allowed";
  if (earlier) return `This key stands twice; first at ${earlier.line}:${earlier.column}`;
  return undefined;
}

interface Member {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node | undefined;
}

function membersOf(node: Node): Member[] {
  return (node.children ?? []).flatMap((property): Member[] => {
    const [keyNode, value] = property.children ?? [];
    return keyNode ? [{ key: String(keyNode.value), keyNode, value }] : [];
  });
}

/** Our own, because the parser's would let `__proto__` set a prototype. */
function valueOf(node: Node): unknown {
  if (node.type === "array") return (node.children ?? []).map(valueOf);
  if (node.type !== "object") return node.value as unknown;
  const members = membersOf(node).filter(({ value }) => value);
  return Object.fromEntries(members.map(({ key, value }) => [key, valueOf(value as Node)]));
}

function offsetOf(root: Node | undefined, path: JsonPath, part: "key" | "value"): number {
  if (!root) return 0;
  const { value, keyNode, rest } = walk(root, path);
  return part === "key" && rest === 0 && keyNode ? keyNode.offset : value.offset;
}

/** Goes down as far as the text does; `rest` is how many steps of the path are not there. */
function walk(root: Node, path: JsonPath): { value: Node; keyNode: Node | undefined; rest: number } {
  let value = root;
  let keyNode: Node | undefined;
  for (const [index, step] of path.entries()) {
    const next = stepInto(value, step);
    if (!next?.value) return { value, keyNode, rest: path.length - index };
    value = next.value;
    keyNode = next.keyNode;
  }
  return { value, keyNode, rest: 0 };
}

/** The last of two members with the same key counts, as in the parsed value. */
function stepInto(node: Node, step: string | number): { value: Node | undefined; keyNode?: Node } | undefined {
  if (typeof step === "number") return node.type === "array" ? { value: node.children?.[step] } : undefined;
  return node.type === "object" ? membersOf(node).findLast(({ key }) => key === step) : undefined;
}
