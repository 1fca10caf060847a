import type { PanelState } from "../live/store.ts";

/**
 * For a list's room, which scrolls: whoever may only read has no button in it to come to with the keyboard, and comes to
 * the room itself (WCAG 2.2, 2.1.1).
 */
export function reachable({ client }: PanelState, name: string): object {
  return client.mayDispatch ? {} : { tabIndex: 0, role: "group", "aria-label": name };
}
