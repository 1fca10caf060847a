import type { z } from "zod";
import { expectationOf } from "./kinds.ts";
import { auditDefaults, configSchema } from "./schema.ts";

/** The schema seen as keys: what may be set, where it stands, what is known at a place. */

/** A key that is set as a whole, such as `listen.port`, `services` or `podium.routes.halt`. */
export interface Setting {
  readonly kind: "setting";
  readonly key: string;
  readonly path: readonly string[];
  readonly description: string | undefined;
  /** Continues "Expected …". */
  readonly expected: string;
  /** Undefined when there is none, or when it hangs on the root folder ({@link defaultOf}). */
  readonly builtIn: unknown;
}

/** A part of the file that only groups keys. */
export interface Section {
  readonly kind: "section";
  readonly key: string;
  readonly path: readonly string[];
  readonly description: string | undefined;
  readonly children: readonly (Section | Setting)[];
}

export const rootSection: Section = sectionOf(configSchema, []);

export const settings: readonly Setting[] = settingsIn(rootSection);

const settingByKey: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.key, setting]));

export function settingAt(path: readonly (string | number)[]): Setting | undefined {
  return settingByKey.get(path.join("."));
}

/** A key's value when nobody sets it; undefined when it then has none. */
export function defaultOf(setting: Setting, root: string): unknown {
  const hanging: Readonly<Record<string, string>> = auditDefaults(root);
  const [section, name = ""] = setting.path;
  return section === "audit" && Object.hasOwn(hanging, name) ? hanging[name] : setting.builtIn;
}

/** The keys that an object at this path may have; undefined where no object with fixed keys belongs. */
export function knownKeysAt(path: readonly (string | number)[]): readonly string[] | undefined {
  const schema = schemaAt(path);
  return schema && isObject(schema) ? Object.keys(schema.shape) : undefined;
}

export function isSectionPath(path: readonly string[]): boolean {
  return knownKeysAt(path) !== undefined && !settings.some(({ path: known }) => startsWith(path, known));
}

/** Whether text belongs at this path, so that `--audit-dir 2026` is a name and not a number. */
export function takesText(path: readonly string[]): boolean {
  const type = schemaAt(path)?.def.type;
  return type === "string" || type === "enum";
}

/** Settings elsewhere that end in this name, such as `listen.port` for a stray `port`. */
export function settingsNamed(name: string): readonly string[] {
  return settings.filter(({ path }) => path.at(-1) === name).map(({ key }) => key);
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((step, index) => path[index] === step);
}

function settingsIn(section: Section): Setting[] {
  return section.children.flatMap((child) => (child.kind === "section" ? settingsIn(child) : [child]));
}

type AnyObject = z.ZodObject<Record<string, z.ZodType>>;

function sectionOf(schema: AnyObject, path: readonly string[]): Section {
  const children = Object.entries(schema.shape).map(([name, child]) => childOf(child, [...path, name]));
  return { kind: "section", key: path.join("."), path, description: schema.description, children };
}

/** An object is a section unless it has a default of its own: then it is set and replaced as a whole. */
function childOf(schema: z.ZodType, path: readonly string[]): Section | Setting {
  const inner = unwrapped(schema);
  const description = schema.description ?? inner.description;
  if (isObject(inner) && schema.def.type !== "default") return { ...sectionOf(inner, path), description };
  const expected = expectationOf(inner) ?? "an object in braces";
  const builtIn = schema.def.type === "default" ? (schema.def as z.core.$ZodDefaultDef).defaultValue : undefined;
  return { kind: "setting", key: path.join("."), path, description, expected, builtIn };
}

function schemaAt(path: readonly (string | number)[]): z.ZodType | undefined {
  let schema: z.ZodType | undefined = configSchema;
  for (const step of path) {
    const outer: z.ZodType | undefined = schema && unwrapped(schema);
    if (!outer) return undefined;
    if (isObject(outer) && Object.hasOwn(outer.shape, step)) schema = outer.shape[step];
    else if (outer.def.type === "array") schema = (outer as z.ZodArray<z.ZodType>).element;
    else return undefined;
  }
  return schema && unwrapped(schema);
}

function unwrapped(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while ("innerType" in inner.def) inner = inner.def.innerType as z.ZodType;
  return inner;
}

function isObject(schema: z.ZodType): schema is AnyObject {
  return schema.def.type === "object";
}
