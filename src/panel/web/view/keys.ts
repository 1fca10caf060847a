import { chooseTheme, nextTheme, theme } from "./theme.ts";

const slot = "roxy-keys";
const drawnMs = 50;
let enabled = read();

/** Single keys can be turned off: speech input may type them by accident (WCAG 2.2, 2.1.4). */
export function keysEnabled(): boolean {
  return enabled;
}

export function enableKeys(on: boolean): boolean {
  enabled = on;
  try {
    localStorage.setItem(slot, on ? "on" : "off");
  } catch {
    // Storage may be forbidden: the choice then lasts until the reload.
  }
  return on;
}

function read(): boolean {
  try {
    return localStorage.getItem(slot) !== "off";
  } catch {
    return true;
  }
}

/** What the help is opened with, and closed: every other key is about what it may cover. */
interface HelpDialog {
  readonly open: () => void;
  /** @returns whether it was open */
  readonly close: () => boolean;
}

const acts: Readonly<Record<string, () => void>> = {
  "/": () => goTo("search", "#/audit"),
  d: () => goTo("story-id", "#/"),
  h: () => focus("halt"),
  t: () => chooseTheme(nextTheme(theme())),
  "1": () => (location.hash = "#/"),
  "2": () => (location.hash = "#/audit"),
  "3": () => (location.hash = "#/services"),
};

export function listenToKeys(help: HelpDialog): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement | null;
    const typing = target !== null && target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape" && !help.close() && typing) target.blur();
    // A key that is held down is one press, whatever it would press again: a button, a form, a page.
    if (event.repeat && event.key === "Enter") event.preventDefault();
    if (event.repeat) return;
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !enabled) return;
    if (act(event.key, help)) event.preventDefault();
  });
}

/** @returns whether the key meant something */
function act(key: string, help: HelpDialog): boolean {
  if (key === "?") {
    help.open();
    return true;
  }
  if (!Object.hasOwn(acts, key)) return false;
  help.close();
  acts[key]!();
  return true;
}

/** @param page where it is, when it is not on this one */
function goTo(id: string, page: string): void {
  if (focus(id)) return;
  location.hash = page;
  // That page has to be drawn first.
  setTimeout(() => focus(id), drawnMs);
}

function focus(id: string): boolean {
  const element = document.getElementById(id);
  element?.focus();
  return element !== null;
}
