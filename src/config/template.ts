import type { Section, Setting } from "./keys.ts";
import { defaultOf, rootSection } from "./keys.ts";

/**
 * The file that `config init` writes: every key with what it means, what it expects and its default, commented out so
 * that defaults stay defaults. Remarks start with `// `, settings with `//` alone: removing the `//` of every line that
 * has no space after it gives a valid file again, with exactly the defaults.
 *
 * @param root the root folder, which two defaults hang on
 */
export function configTemplate(root: string): string {
  return [...preamble, "{", ...childLines(rootSection, root, indentStep), "}", ""].join("\n");
}

const indentStep = "  ";
const widthMax = 100;

const preamble = [
  "// Settings of roxy-core. This is JSON with comments; commas at the end are fine.",
  "// Every key stands here with its default. To change one, remove the // in front of it and edit the value.",
  "// `roxy-core config check` finds mistakes, `roxy-core config show` says where each value comes from.",
  "// Flags beat the environment, the environment beats this file. Secrets never stand here: only where they are kept.",
];

/** An empty line before each child that has something to tell. */
function childLines(section: Section, root: string, indent: string): string[] {
  return section.children.flatMap((child, index) => {
    const lines = linesOf(child, root, indent);
    return index > 0 && child.description !== undefined ? ["", ...lines] : lines;
  });
}

function linesOf(child: Section | Setting, root: string, indent: string): string[] {
  return child.kind === "section" ? sectionLines(child, root, indent) : settingLines(child, root, indent);
}

function sectionLines(section: Section, root: string, indent: string): string[] {
  return [
    ...remark(section.description, indent),
    `${indent}${JSON.stringify(nameOf(section))}: {`,
    ...childLines(section, root, indent + indentStep),
    `${indent}},`,
  ];
}

function settingLines(setting: Setting, root: string, indent: string): string[] {
  const name = JSON.stringify(nameOf(setting));
  const value = defaultOf(setting, root);
  // A route's shape is told once, by its section.
  const expected = setting.description === undefined ? [] : remark(`Expected: ${setting.expected}.`, indent);
  const lines = [...remark(setting.description, indent), ...expected];
  if (value === undefined)
    return [...lines, ...remark(`Not set by default. For example ${name}: "/path/to/a/file"`, indent)];
  return [...lines, ...valueLines(`${name}: `, value, indent)];
}

function nameOf(child: Section | Setting): string {
  return child.path.at(-1) ?? "";
}

/** Lists of objects take a line for each; everything else is short enough for one. */
function valueLines(start: string, value: unknown, indent: string): string[] {
  if (!Array.isArray(value) || !value.some((item) => typeof item === "object")) {
    return [`${indent}//${start}${spaced(value)},`];
  }
  const items = value.map((item) => `${indent}${indentStep}//${spaced(item)},`);
  return [`${indent}//${start}[`, ...items, `${indent}//],`];
}

/** JSON on one line with spaces, as a person would write it. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${spaced(inner)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

function remark(text: string | undefined, indent: string): string[] {
  if (text === undefined) return [];
  const lines: string[] = [];
  let line = `${indent}//`;
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > widthMax) {
      lines.push(line);
      line = `${indent}//`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
