import type { LoadInput } from "./effective.ts";
import { parseJsonc } from "./jsonc.ts";
import { pathPattern } from "./kinds.ts";
import { overridesOf, withOverride } from "./overrides.ts";
import { folderOf, resolvePath } from "./paths.ts";
import type { Config } from "./schema.ts";
import { configFileSchema, configSchema } from "./schema.ts";

export interface LikelyListen {
  readonly listen: Config["listen"];
  /** The mistakes may have hidden another address: whoever answers at this one may be somebody else. */
  readonly isGuess: boolean;
  /** `auth.token_file`, absolute, where that is right. */
  readonly tokenFile?: string;
}

const section = configSchema.shape.listen;
const settings = section.unwrap().shape;

/**
 * Where a server probably listens whose configuration has mistakes: by flags, and by what is right of `listen` in the
 * file. It is no guess where the file has no slip in its form, all of `listen` is right and no port hides under another name.
 */
export function likelyListen(input: LoadInput, wantedFile: string): LikelyListen {
  const { home, cwd, args } = input;
  const { said, isWhole, isAll, token } = listenIn(input, wantedFile);
  const sound = said.filter(([key, value]) => isSound(key, value));
  const flags = overridesOf({}, args.settings, []).filter(({ path }) => path[0] === "listen");
  const tree = flags.reduce<unknown>(withOverride, { listen: Object.fromEntries(sound) });
  const { socket: named, ...listen } = section.parse((tree as { listen: unknown }).listen);
  const folder = flags.some(({ path }) => path[1] === "socket") ? cwd : folderOf(wantedFile);
  const socket = named === undefined ? undefined : resolvePath(named, { folder, home });
  const tcp = listen.tcp || socket === undefined;
  const isSaid = tcp === listen.tcp && (isAll || !tcp || sound.some(([key]) => key === "port"));
  return {
    listen: { ...listen, tcp, ...(socket !== undefined && { socket }) },
    isGuess: !flags.some(({ path }) => path[1] === "port") && !(isWhole && isSaid && sound.length === said.length),
    ...(token !== undefined && { tokenFile: resolvePath(token, { folder: folderOf(wantedFile), home }) }),
  };
}

interface Said {
  readonly said: readonly (readonly [string, unknown])[];
  /** Every word of the file was understood, and nothing that looks like an address stands where none is read. */
  readonly isWhole: boolean;
  /** No section has a name that is none, as a misspelled `listen` would have. */
  readonly isAll: boolean;
  readonly token?: string;
}

/** What the file says of `listen`, as far as it can be read. */
function listenIn(input: LoadInput, wantedFile: string): Said {
  try {
    const { value = {}, mistakes } = parseJsonc(input.readText(wantedFile) ?? "");
    if (!isObject(value)) return lost;
    const { listen = {}, auth, ...others } = value;
    const isAll = Object.keys(value).every((key) => Object.hasOwn(configFileSchema.shape, key));
    const isWhole = mistakes.length === 0 && isObject(listen) && !namesAddress(others);
    const token = isObject(auth) ? auth["token_file"] : undefined;
    return {
      said: Object.entries(listen ?? {}),
      isWhole,
      isAll,
      ...(typeof token === "string" && pathPattern.test(token) && { token }),
    };
  } catch {
    return lost;
  }
}

const lost: Said = { said: [], isWhole: false, isAll: false };

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A brace that slipped, or a capital letter, puts the section or its settings elsewhere. */
function namesAddress(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(
    ([key, inner]) => /^(?:listen|host|port|tcp|socket)$/i.test(key) || namesAddress(inner),
  );
}

function isSound(key: string, value: unknown): boolean {
  return Object.hasOwn(settings, key) && settings[key as keyof typeof settings].safeParse(value).success;
}
