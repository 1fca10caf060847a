/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";

/** Whom the record will name, where tokens are asked for. */
export function SignedIn({ session, state }: { session: Session; state: PanelState }) {
  const { name, mayDispatch } = state.client;
  if (name === undefined || state.facts.tokenNeeded) return null;
  return (
    <span class="signed-in">
      <span>
        <bdi>{name}</bdi>
        {!mayDispatch && " (reads only)"}
      </span>
      <button type="button" class="quiet small" onClick={() => void session.signOut()}>
        Sign out
      </button>
    </span>
  );
}
