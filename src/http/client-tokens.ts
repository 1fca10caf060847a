/** What a token's owner may do: `admin` dispatches, `viewer` only reads. */
export const roles = ["admin", "viewer"] as const;
export type Role = (typeof roles)[number];

/** One client's token as it is kept: never the token itself. */
export interface ClientToken {
  /** Recorded as the user of whatever is dispatched with it. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, 64 lower-case hex digits. */
  readonly hash: string;
  /** RFC 3339; absent for a bare token. */
  readonly createdAt?: string;
}

export interface TokenFile {
  readonly tokens: readonly ClientToken[];
  /** The file is one bare token that its clients read from there themselves, as `~/.roxy/secret.token` is. */
  readonly isBare: boolean;
}

/** More clients than this are not told apart by hand; each costs one comparison a request. */
export const tokensMax = 256;
/** 256 lines of under 200 bytes, with room for comments. */
export const tokenFileBytesMax = 65_536;
export const tokenNamePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

const bare = /^[\x21-\x7e]{16,512}$/;
const line = /^(\S+)[ \t]+(\S+)[ \t]+sha256:([0-9a-f]{64})(?:[ \t]+(\S+))?$/;
/** Nobody can claim this name: it is what the owner of a bare token has always been recorded as. */
export const bareOwner = "token";

const heading = [
  "# Client tokens of roxy-core: NAME ROLE sha256:DIGEST CREATED. The tokens themselves are nowhere.",
  "# Made by: roxy-core token add NAME --role admin|viewer. A change counts from the next request on.",
];

/**
 * The tokens in the text of a token file: lines of `NAME ROLE sha256:DIGEST [CREATED]`, or one bare token.
 * @throws Error with the line's number; what stands there is not repeated, it may be a secret
 */
export function parseTokenFile(text: string, sha256: (text: string) => string): TokenFile {
  const trimmed = text.trim();
  if (bare.test(trimmed)) {
    return { tokens: [{ name: bareOwner, role: "admin", hash: sha256(trimmed) }], isBare: true };
  }
  const tokens: ClientToken[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const token = tokenIn(content);
    if (typeof token === "string") throw new Error(`line ${index + 1}: ${token}`);
    const { name, hash } = token;
    if (tokens.some((other) => other.name === name)) throw new Error(`line ${index + 1}: this name stands twice`);
    if (tokens.some((other) => other.hash === hash)) throw new Error(`line ${index + 1}: this token stands twice`);
    tokens.push(token);
  }
  if (tokens.length > tokensMax) throw new Error(`it holds ${tokens.length} tokens; ${tokensMax} is the most`);
  return { tokens, isBare: false };
}

function tokenIn(content: string): ClientToken | string {
  const match = line.exec(content);
  if (!match) return "expected NAME ROLE sha256:DIGEST, or one token of at least 16 printable characters alone";
  const [, name = "", role = "", hash = "", createdAt] = match;
  if (!tokenNamePattern.test(name)) return "expected a name of letters, digits, '.', '_', '@' or '-'";
  if (name === bareOwner) return `the name ${bareOwner} is reserved`;
  if (!isRole(role)) return "expected the role admin or viewer";
  return { name, role, hash, ...(createdAt !== undefined && { createdAt }) };
}

export function isRole(word: string): word is Role {
  return (roles as readonly string[]).includes(word);
}

export function tokenFileText(tokens: readonly ClientToken[]): string {
  const lines = tokens.map(({ name, role, hash, createdAt }) =>
    [name, role, `sha256:${hash}`, ...(createdAt === undefined ? [] : [createdAt])].join(" "),
  );
  return [...heading, ...lines, ""].join("\n");
}

/** 256 random bits; the prefix lets secret scanners and people see what it is. */
export function newClientToken(): string {
  return `roxy_${randomText()}`;
}

/** 256 random bits as base64url. */
export function randomText(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/**
 * The token with this digest. Every one is compared, and each comparison takes the same time: neither a name's place in
 * the file nor a digest that is nearly right can be told from how long the answer takes.
 */
export function tokenOf(tokens: readonly ClientToken[], hash: string): ClientToken | undefined {
  let found: ClientToken | undefined;
  for (const token of tokens) if (isEqual(token.hash, hash)) found = token;
  return found;
}

function isEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
