/** @jsxImportSource hono/jsx/dom */
import { render, useState } from "hono/jsx/dom";
import { Session } from "./live/session.ts";
import type { Page } from "./live/store.ts";
import { Store } from "./live/store.ts";
import { watchAim } from "./view/aim.ts";
import { App, titles } from "./view/app.tsx";
import { keepFocus } from "./view/focus.ts";
import { closeHelp, openHelp } from "./view/help.tsx";
import { watchFields } from "./view/into-view.ts";
import { listenToKeys } from "./view/keys.ts";

const store = new Store();
const session = new Session(store);

function Root() {
  const [state, setState] = useState(store.state);
  redraw = () => setState(store.state);
  return <App session={session} state={state} />;
}
let redraw = (): void => {};

/** `#/audit/AUD-…`, `#/audit`, `#/services`; everything else is the first page. */
function pageOf(hash: string): Page {
  const [, name, auditId] = hash.split("/");
  if (name === "services") return { name };
  if (name !== "audit") return { name: "orchestrator" };
  return auditId === undefined || auditId === "" ? { name } : { name, auditId };
}

function turnTo(page: Page): void {
  store.set({ page, nowMs: Date.now() });
  document.title = `${titles[page.name]} · roxy-core`;
  if (page.name !== "audit") return;
  if (page.auditId === undefined) session.audit.close();
  else void session.audit.open(page.auditId);
  void session.audit.refresh();
}

function begin(): void {
  session.start();
  render(<Root />, document.getElementById("panel")!);
  store.watch(() => redraw());
  addEventListener("hashchange", () => turnTo(pageOf(location.hash)));
  addEventListener("themechange", () => store.set({ nowMs: Date.now() }));
  listenToKeys({ open: openHelp, close: closeHelp });
  keepFocus();
  watchAim();
  watchFields();
  turnTo(pageOf(location.hash));
}

// The page came with the panel's frame in it: that is painted first. A page that nobody sees gets no animation frame.
if (document.visibilityState === "hidden") begin();
else requestAnimationFrame(() => setTimeout(begin));
