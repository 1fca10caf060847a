import { ed25519Pkcs8 } from "../lib/ed25519-pem.ts";
import { messageOf } from "../lib/errors.ts";
import { tokenLengthMin } from "../wire/podium.ts";
import type { Mistake } from "./mistakes.ts";
import type { Environment } from "./overrides.ts";
import { presentIn } from "./overrides.ts";
import { resolvePath } from "./paths.ts";
import type { Secrets } from "./schema.ts";

/** The files that the configuration may look at; injected, so that tests need none. */
export interface ReadingFiles {
  /** The whole file as text; undefined when nothing is there; throws when it can't be read. */
  readText(path: string): string | undefined;
  /** What stands there; undefined when nothing does, or when it is not known. */
  readonly facts?: (path: string) => PathFacts | undefined;
  /** The user that we are. */
  readonly user?: number;
}

export interface PathFacts {
  readonly kind: "file" | "folder" | "symlink" | "socket" | "other";
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  readonly owner: number;
}

export interface SecretsRead {
  readonly secrets: Secrets;
  /** Where each secret came from, for people; never the secret itself. */
  readonly origins: Readonly<Partial<Record<keyof Secrets, string>>>;
}

/** A setting that names a file with a secret in it, with its place for mistakes. */
export interface NamedFile {
  readonly key: string;
  readonly path: string;
  readonly where: string;
}

/** RFC 7518 section 3.2: a key for HS256 must have at least the 256 bits of the hash. */
const jwtSecretBytesMin = 32;

/** The settings that name files with secrets; what is not set is undefined. */
export interface SecretFiles {
  readonly jwtSecret: NamedFile | undefined;
  readonly jwtSecretPrevious: NamedFile | undefined;
  readonly jwtPrivateKey: NamedFile | undefined;
  readonly jwtPrivateKeyPrevious: NamedFile | undefined;
}

/** Reads environment, then systemd credential, then the named file; what is found first counts. */
export function readSecrets(
  env: Environment,
  files: ReadingFiles,
  named: SecretFiles,
  mistakes: Mistake[],
  warnings: string[],
): SecretsRead {
  const look = (name: string | undefined, credential: string, file?: NamedFile): Found | undefined =>
    (name === undefined ? undefined : fromEnvironment(env, name, warnings)) ??
    fromCredential(env, files, credential, mistakes) ??
    (file && fromFile(files, file, mistakes, warnings));
  const secret = look("PODIUM_JWT_SECRET", "podium_jwt_secret", named.jwtSecret);
  const secretBefore = look("PODIUM_JWT_SECRET_PREVIOUS", "podium_jwt_secret_previous", named.jwtSecretPrevious);
  // A key has several lines: it comes from a file, not from an environment name.
  const key = look(undefined, "podium_jwt_private_key", named.jwtPrivateKey);
  const keyBefore = look(undefined, "podium_jwt_private_key_previous", named.jwtPrivateKeyPrevious);
  const token = look("ROXY_PODIUM_TOKEN", "podium_token");
  for (const one of [secret, secretBefore]) if (one) warnings.push(...jwtSecretWarnings(one));
  for (const one of [key, keyBefore]) if (one) mistakes.push(...privateKeyMistakes(one));
  mistakes.push(...rivals(secret, key), ...rivals(secretBefore, keyBefore));
  const before = secretBefore ?? keyBefore;
  if (before && !secret && !key) warnings.push(`${before.where} is not used: there is no newer one beside it`);
  if (token) mistakes.push(...tokenMistakes(token));
  if (token) warnings.push(...tokenWarnings(token));
  return secretsRead({
    podiumJwtSecret: secret,
    podiumJwtSecretPrevious: secretBefore,
    podiumJwtPrivateKey: key,
    podiumJwtPrivateKeyPrevious: keyBefore,
    podiumToken: token,
  });
}

function secretsRead(all: { readonly [K in keyof Secrets]-?: Found | undefined }): SecretsRead {
  const found = Object.entries(all).filter((entry): entry is [keyof Secrets, Found] => entry[1] !== undefined);
  return {
    secrets: Object.fromEntries(found.map(([name, { secret }]) => [name, secret])),
    origins: Object.fromEntries(found.map(([name, { where }]) => [name, where])),
  };
}

/** Which of the two signs would be anybody's guess. One of each kind may follow the other, in either direction. */
function rivals(secret: Found | undefined, key: Found | undefined): Mistake[] {
  if (!secret || !key) return [];
  return [{ where: key.where, key: "", detail: `Expected a private key or a secret, not both: see ${secret.where}` }];
}

function privateKeyMistakes({ secret, where }: Found): Mistake[] {
  if (ed25519Pkcs8(secret)) return [];
  const detail = "Expected an Ed25519 private key in PKCS #8 PEM, as `openssl genpkey -algorithm ed25519` makes it";
  return [{ where, key: "", detail }];
}

/**
 * Looks at a file whose content is a secret, without keeping it: it must be there, and nobody else should read it.
 * The path is not repeated in mistakes: somebody may have put the secret itself in its place.
 */
export function checkSecretFile(files: ReadingFiles, file: NamedFile, mistakes: Mistake[], warnings: string[]): void {
  if (textOf(files, file.path, file.where, file.key, mistakes) !== undefined) warnIfLoose(files, file, warnings);
}

interface Found {
  readonly secret: string;
  readonly where: string;
}

function fromEnvironment(env: Environment, name: string, warnings: string[]): Found | undefined {
  const secret = presentIn(env, name, warnings);
  return secret === undefined ? undefined : { secret, where: name };
}

/** systemd.exec(5), LoadCredential=. Its modes are systemd's business: ACLs make them look looser than they are. */
function fromCredential(env: Environment, files: ReadingFiles, name: string, mistakes: Mistake[]): Found | undefined {
  const folder = env["CREDENTIALS_DIRECTORY"];
  if (folder === undefined || folder === "") return undefined;
  const where = `systemd credential ${name}`;
  const path = resolvePath(name, { folder, home: "/" });
  return foundIn(readOptional(files, path, where, "", mistakes), where, { where, key: "" }, mistakes);
}

function fromFile(files: ReadingFiles, file: NamedFile, mistakes: Mistake[], warnings: string[]): Found | undefined {
  const text = textOf(files, file.path, file.where, file.key, mistakes);
  if (text === undefined) return undefined;
  warnIfLoose(files, file, warnings);
  return foundIn(text, `${file.key} ${file.path}`, file, mistakes);
}

/** Who hands over a file wants what is in it: an empty one is a slip, and going on without a secret would hide it. */
function foundIn(
  text: string | undefined,
  origin: string,
  { where, key }: Pick<Mistake, "where" | "key">,
  mistakes: Mistake[],
): Found | undefined {
  const secret = text?.replace(/\r?\n$/, "");
  if (secret === undefined) return undefined;
  if (secret !== "") return { secret, where: origin };
  mistakes.push({
    where,
    key,
    detail: "Expected a secret in the file, which is empty; to do without one, name no file",
  });
  return undefined;
}

const tokenHint = "`roxy-core token add NAME --role admin` makes it";

function textOf(
  files: ReadingFiles,
  path: string,
  where: string,
  key: string,
  mistakes: Mistake[],
): string | undefined {
  const before = mistakes.length;
  const text = readOptional(files, path, where, key, mistakes);
  if (text === undefined && mistakes.length === before) {
    const hint = key === "auth.token_file" ? `; ${tokenHint}` : "";
    mistakes.push({ where, key, detail: `Expected the path of a file that is there${hint}` });
  }
  return text;
}

function readOptional(
  files: ReadingFiles,
  path: string,
  where: string,
  key: string,
  mistakes: Mistake[],
): string | undefined {
  try {
    return files.readText(path);
  } catch (error) {
    const why = messageOf(error).replaceAll(path, "the file");
    mistakes.push({ where, key, detail: `Expected a file that can be read: ${why}` });
    return undefined;
  }
}

function warnIfLoose(files: ReadingFiles, file: NamedFile, warnings: string[]): void {
  const mode = files.facts?.(file.path)?.mode;
  if (mode === undefined || (mode & 0o077) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  warnings.push(`${file.key}: other users may open ${file.path} (mode ${octal}); chmod 600 it`);
}

function jwtSecretWarnings({ secret, where }: Found): string[] {
  const bytes = new TextEncoder().encode(secret).length;
  if (bytes >= jwtSecretBytesMin) return [];
  return [
    `The JWT secret from ${where} has ${bytes} bytes; HS256 wants at least ${jwtSecretBytesMin} (RFC 7518 section 3.2): ` +
      "a short one can be guessed from any token. `openssl rand -hex 32` makes a good one",
  ];
}

function tokenWarnings({ secret, where }: Found): string[] {
  if (secret.length >= tokenLengthMin) return [];
  return [
    `The token from ${where} has fewer than ${tokenLengthMin} characters: anybody can guess it, and where Podium repeats it, it is not taken out`,
  ];
}

/** RFC 9110 section 5.5: what goes into a header is visible ASCII; anything else would fail at each request. */
function tokenMistakes({ secret, where }: Found): Mistake[] {
  if (/^[\x21-\x7e]+$/.test(secret)) return [];
  return [{ where, key: "", detail: "Expected a token of visible ASCII characters, without spaces or line breaks" }];
}
