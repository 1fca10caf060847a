/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import { firstText } from "../api/json.ts";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { SignedIn } from "./signed-in.tsx";
import { keysEnabled, enableKeys } from "./keys.ts";

const rows = [
  ["d", "Dispatch: type a story's id"],
  ["/", "Search stories, or the audit log"],
  ["1 2 3", "Orchestrator, Audit, Services"],
  ["h", "Go to Halt; then Enter, and Enter again"],
  ["t", "Light, dark, or as the system has it"],
  ["?", "This help"],
  ["Esc", "Leave a field or this help; a search is emptied"],
] as const;

const id = "help";

function dialog(): HTMLDialogElement | null {
  return document.getElementById(id) as HTMLDialogElement | null;
}

/** Not as a modal: that would take the bar, and with it the stop, out of reach. */
export function openHelp(): void {
  dialog()?.show();
}

/** @returns whether it was open */
export function closeHelp(): boolean {
  const wasOpen = dialog()?.open === true;
  dialog()?.close();
  return wasOpen;
}

/** Whoever has gone on to something else works there: it may be what lies under the help. */
function leave({ relatedTarget }: FocusEvent): void {
  if (relatedTarget instanceof Node && !dialog()?.contains(relatedTarget)) closeHelp();
}

export function Help({ session, state }: { session: Session; state: PanelState }) {
  const version = firstText(state.gateway, "version") ?? "";
  const [enabled, setEnabled] = useState(keysEnabled());
  return (
    <dialog id={id} aria-labelledby="help-title" onFocusOut={leave}>
      <h2 id="help-title">Keyboard</h2>
      <dl class="keys">
        {rows.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={enabled} onChange={() => setEnabled(enableKeys(!enabled))} />
        Single keys do this
      </label>
      <p class="fine">
        A press of a button never runs twice: its key is kept until it is known what became of it. roxy-core {version}
      </p>
      <SignedIn session={session} state={state} />
      <button type="button" onClick={() => void closeHelp()}>
        Close
      </button>
    </dialog>
  );
}
