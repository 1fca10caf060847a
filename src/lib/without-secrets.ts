type Environment = Readonly<Record<string, string | undefined>>;

/** Where the keys to an orchestrator stand, and the folder in which systemd has put them. */
const secretNames: ReadonlySet<string> = new Set([
  "PODIUM_JWT_SECRET",
  "PODIUM_JWT_SECRET_PREVIOUS",
  "ROXY_PODIUM_TOKEN",
  "CREDENTIALS_DIRECTORY",
]);

/** The environment for whoever must not command the orchestrator that it was made for. */
export function withoutSecrets(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secretNames.has(name)));
}
