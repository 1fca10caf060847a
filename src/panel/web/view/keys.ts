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

const pages: Readonly<Record<string, string>> = { "1": "#/", "2": "#/audit", "3": "#/services" };

export function listenToKeys(openHelp: () => void): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement | null;
    const typing = target !== null && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
    if (event.key === "Escape" && typing) target.blur();
    // A key that is held down is one press, whatever it would press again: a button, a form, a page.
    if (event.repeat && event.key === "Enter") event.preventDefault();
    if (event.repeat) return;
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !enabled) return;
    if (act(event.key, openHelp)) event.preventDefault();
  });
}

/** @returns whether the key meant something */
function act(key: string, openHelp: () => void): boolean {
  if (key === "/") goTo("search", "#/audit");
  else if (key === "h") return focus("halt");
  else if (key === "?") openHelp();
  else if (key === "t") chooseTheme(nextTheme(theme()));
  else if (key === "d") goTo("story-id", "#/");
  else if (pages[key] !== undefined) location.hash = pages[key];
  else return false;
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
