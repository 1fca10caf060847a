/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { ProblemNote } from "./problem-note.tsx";

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
      <button type="button" class="quiet small" onClick={() => void session.login.signOut()}>
        Sign out
      </button>
    </span>
  );
}

/** Under the bar: whoever left the machine without this word would leave it open. */
export function SignOutNote({ session, state }: { session: Session; state: PanelState }) {
  const { client, facts, signOutProblem } = state;
  if (!signOutProblem || client.name === undefined || facts.tokenNeeded) return null;
  const { title, detail } = signOutProblem;
  const problem = { ...signOutProblem, title: "Still signed in", detail: `${title}: ${detail}.` };
  const dismiss = (): void => session.store.set({ signOutProblem: undefined });
  return <ProblemNote problem={problem} button="Sign out" onDismiss={dismiss} />;
}
