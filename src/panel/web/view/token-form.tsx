/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import { fieldText } from "./field-text.ts";

/** Asked once; kept in this page's memory and nowhere else. */
export function TokenForm({ session }: { session: Session }) {
  const submit = (event: Event): void => {
    event.preventDefault();
    session.useToken(fieldText(event, "token"));
  };
  return (
    <section class="card" aria-labelledby="token-title">
      <h2 id="token-title">Token</h2>
      <form class="dispatch" onSubmit={submit}>
        <label for="token">Token</label>
        <input id="token" name="token" class="id" type="password" autocomplete="off" required />
        <button type="submit" class="primary">
          Use it
        </button>
      </form>
      <p class="fine">
        The one in the file that <span class="id">auth.token_file</span> names. A reload asks again.
      </p>
    </section>
  );
}
