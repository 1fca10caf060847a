/** @jsxImportSource hono/jsx/dom */
import { renderToString } from "hono/jsx/dom/server";
import type { Session } from "./live/session.ts";
import { initialState } from "./live/store.ts";
import { Header } from "./view/header.tsx";

/** Asked for nothing: what it would be asked by are event handlers, and text has none. */
const nobody = {} as Session;

/**
 * The panel's first sight as HTML: the frame with nothing in it yet, as the script draws it again a moment later. Run by
 * `build.ts`, which puts it into the page.
 */
export function shellMarkup(): string {
  return renderToString(
    <div class="app">
      <Header session={nobody} state={initialState} />
      <main>
        <noscript>This panel needs JavaScript. What it shows can be read at /api as well.</noscript>
        <p class="not-loaded">
          The panel's program has not come: nothing here works, not even Halt. Reload the page, or halt with{" "}
          <span class="id">roxy-core halt</span>.
        </p>
      </main>
    </div>,
  );
}
