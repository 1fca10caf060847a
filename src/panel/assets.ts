import type { Files } from "../runtime/types.ts";

/** Put in by `build.ts`; from source, the built file is read instead. */
declare const ROXY_PANEL: PanelFiles;

/** One file of the panel as `build.ts` makes it. */
export interface PanelFile {
  readonly type: string;
  readonly text: string;
  /** The same, compressed (RFC 1952), in Base64. */
  readonly gzip: string;
  /** Strong validator (RFC 9110 section 8.8.3), with its quotes. */
  readonly etag: string;
  /** Of a page: the CSP source (hash) of the style inside it. */
  readonly styleHash?: string;
  /** Of a page: the same for somebody who has chosen a theme. */
  readonly themes?: Readonly<Record<"light" | "dark", PanelFile>>;
}
export type PanelFiles = Readonly<Record<string, PanelFile>>;

/** The panel is some 100 KB; a file of more than this is not ours. */
const bytesMax = 4 * 1024 * 1024;

/** Where `build.ts` puts the panel, seen from the repository. */
export const builtPanel = "dist/panel.json";

/**
 * The panel's files, by path. Empty when the program runs from source and nobody has built the panel yet: the page then
 * says so, and everything else works.
 */
export function loadPanel(files: Pick<Files, "stat" | "readAll">): PanelFiles {
  if (typeof ROXY_PANEL !== "undefined") return ROXY_PANEL;
  const path = decodeURIComponent(new URL(`../../${builtPanel}`, import.meta.url).pathname);
  try {
    if (files.stat(path) === undefined) return {};
    return JSON.parse(new TextDecoder().decode(files.readAll(path, bytesMax))) as PanelFiles;
  } catch {
    // Half a build, or somebody else's file: the same as none.
    return {};
  }
}
