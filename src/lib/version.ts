import manifest from "../../package.json" with { type: "json" };

/** Put in by `build.ts`; a program run from source has no commit of its own to tell. */
declare const ROXY_COMMIT: string;

export const version: string = manifest.version;
export const commit: string = typeof ROXY_COMMIT === "undefined" ? "source" : ROXY_COMMIT;
