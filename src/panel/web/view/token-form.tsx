/** @jsxImportSource hono/jsx/dom */
import type { PlainProblem } from "../api/requests.ts";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { fieldText } from "./field-text.ts";
import { ProblemNote } from "./problem-note.tsx";

/** Asked once a week: from then on the browser has a session's cookie, and nothing here keeps the token. */
export function TokenForm({ session, state }: { session: Session; state: PanelState }) {
  const submit = (event: Event): void => {
    event.preventDefault();
    void session.login.signIn(fieldText(event, "token"));
  };
  return (
    <section class="card sign-in" aria-labelledby="token-title">
      <h2 id="token-title">Sign in</h2>
      <form class="dispatch" onSubmit={submit}>
        <label for="token">Token</label>
        <input id="token" name="token" class="id" type="password" autocomplete="off" required ref={takeFocus} />
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
      {state.tokenProblem && (
        <ProblemNote
          problem={inWords(state.tokenProblem)}
          button="Sign in"
          {...(state.tokenProblem.code === "unauthorized" && { remedy: whichThereAre })}
        />
      )}
      <p class="fine">
        Yours is one that <span class="id">roxy-core token add NAME</span> printed, or what the file holds that{" "}
        <span class="id">auth.token_file</span> names. It is shown to roxy-core once and not kept here.
      </p>
    </section>
  );
}

const whichThereAre = "Its owner sees which there are: roxy-core token list.";

/** The page has nothing else to offer at this moment. Called by the renderer just before it puts the field in. */
function takeFocus(field: HTMLElement | null): void {
  setTimeout(() => field?.focus());
}

/** "A token is needed" is no news to somebody who has just entered one. */
function inWords(problem: PlainProblem): PlainProblem {
  if (problem.code !== "unauthorized") return problem;
  return { ...problem, title: "roxy-core does not know this token", detail: "It may be mistyped, or was removed." };
}
