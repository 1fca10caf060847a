import { apiRequest } from "../../../wire/client.ts";
import type { Fields } from "../api/json.ts";
import type { Requests } from "../api/requests.ts";
import { readClient } from "../state/client.ts";
import type { Store } from "./store.ts";

const path = "/api/session";
const readMs = 12_000;
const channel = "roxy-panel-session";

/**
 * Who this page is to roxy-core. The session's cookie is the browser's: when one tab signs in or out, all of them are
 * somebody else, and must say so.
 */
export class Login {
  readonly #requests: Requests;
  readonly #store: Store;
  readonly #onIn: () => void;
  readonly #others = "BroadcastChannel" in globalThis ? new BroadcastChannel(channel) : undefined;

  /** @param onIn called when a page that needed a token needs none any longer */
  constructor(requests: Requests, store: Store, onIn: () => void) {
    this.#requests = requests;
    this.#store = store;
    this.#onIn = onIn;
  }

  start(): void {
    this.#others?.addEventListener("message", () => void this.read());
    document.addEventListener("visibilitychange", () => void this.read());
  }

  /** Asks roxy-core who one is. */
  async read(): Promise<void> {
    const reply = await this.#requests.send(apiRequest("get", path), { timeoutMs: readMs });
    if (reply.ok) this.#know(reply.body);
  }

  /** Shows the token once, for a session: the browser keeps its cookie, and this page keeps nothing. */
  async signIn(token: string): Promise<void> {
    const reply = await this.#requests.send(apiRequest("post", path), { timeoutMs: readMs, token: token.trim() });
    if (!reply.ok) return this.#store.set({ tokenProblem: reply.problem });
    this.#know(reply.body);
    this.#others?.postMessage("signed in");
  }

  async signOut(): Promise<void> {
    this.#store.set({ signOutProblem: undefined });
    const reply = await this.#requests.send(apiRequest("delete", path), { timeoutMs: readMs });
    // Who is refused as a stranger has no session to end.
    if (!reply.ok && reply.problem.httpStatus !== 401) return this.#store.set({ signOutProblem: reply.problem });
    this.#others?.postMessage("signed out");
    // What was shown was shown to somebody who has left.
    location.reload();
  }

  #know(body: Fields): void {
    this.#store.set({ client: readClient(body), tokenProblem: undefined });
    if (!this.#store.state.facts.tokenNeeded) return;
    this.#requests.letIn();
    this.#store.facts({ tokenNeeded: false });
    this.#onIn();
  }
}
