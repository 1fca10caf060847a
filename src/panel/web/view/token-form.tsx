/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { fieldText } from "./field-text.ts";
import { ProblemNote } from "./problem-note.tsx";

/** Asked once a week: from then on the browser has a session's cookie, and nothing here keeps the token. */
export function TokenForm({ session, state }: { session: Session; state: PanelState }) {
  const submit = (event: Event): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    void session.signIn(fieldText(event, "token"));
    form.reset();
  };
  return (
    <section class="card sign-in" aria-labelledby="token-title">
      <h2 id="token-title">Sign in</h2>
      <form class="dispatch" onSubmit={submit}>
        <label for="token">Token</label>
        <input id="token" name="token" class="id" type="password" autocomplete="off" required />
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
      {state.tokenProblem && (
        <ProblemNote problem={state.tokenProblem} remedy="Enter a token that roxy-core knows: roxy-core token list." />
      )}
      <p class="fine">
        Yours is one that <span class="id">roxy-core token add NAME</span> printed, or what the file holds that{" "}
        <span class="id">auth.token_file</span> names. It is shown to roxy-core once and not kept here.
      </p>
    </section>
  );
}
