import type { Door } from "./types.ts";

/** As Deno names what bind(2) says. */
const denoCodes: Readonly<Record<string, string>> = { AddrInUse: "EADDRINUSE", AddrNotAvailable: "EADDRNOTAVAIL" };

/**
 * Why a door could not be opened, with a `code` of bind(2), or `ENOTFOUND` for a host name that leads nowhere: Deno has
 * no code for that, and Bun that of whatever went wrong before.
 */
export async function listenError(error: unknown, door: Door): Promise<unknown> {
  if (!(error instanceof Error)) return error;
  const isNowhere = door.socket === undefined && (await leadsNowhere(door.host));
  const code = isNowhere ? "ENOTFOUND" : denoCodes[error.name];
  return code === undefined ? error : Object.assign(new Error(error.message, { cause: error }), { code });
}

async function leadsNowhere(host: string): Promise<boolean> {
  const { lookup } = await import("node:dns/promises");
  return lookup(host.replaceAll(/[[\]]/g, "")).then(
    () => false,
    () => true,
  );
}
