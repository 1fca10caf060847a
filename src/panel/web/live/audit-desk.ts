import type { ApiRequest } from "../../../wire/client.ts";
import { apiRequest } from "../../../wire/client.ts";
import type { Requests } from "../api/requests.ts";
import type { AuditState } from "../state/audit.ts";
import { auditFilter, readHead, readVerification, recordsIn } from "../state/audit.ts";
import type { Store } from "./store.ts";

const base = "/api/orchestrator/audit";
const readMs = 12_000;
/** Reading and hashing a log of months takes its time. */
const verifyMs = 120_000;
const pageSize = 50;
/** More than this is read with the command line. */
const recordsMax = 2_000;
const beatMs = 5_000;

/** The audit page's requests: pages of the log, one dispatch, the chain's state, proofs. */
export class AuditDesk {
  readonly #requests: Requests;
  readonly #store: Store;
  #lastMs = 0;
  /** Answers to an older search are thrown away. */
  #turn = 0;

  constructor(requests: Requests, store: Store) {
    this.#requests = requests;
    this.#store = store;
  }

  /** Reads the newest page and the head while the page is open and nobody has paged on. */
  beat(nowMs: number): void {
    const { page, audit } = this.#store.state;
    if (page.name !== "audit" || nowMs - this.#lastMs < beatMs || audit.loading) return;
    if (audit.records.length <= pageSize) void this.refresh();
  }

  async refresh(): Promise<void> {
    if (this.#store.state.page.name !== "audit") return;
    this.#lastMs = Date.now();
    await Promise.all([this.#read(undefined), this.#readHead()]);
  }

  async search(search: string, event = this.#audit.event): Promise<void> {
    this.#set({ search, event });
    await this.refresh();
  }

  async more(): Promise<void> {
    const { next, records } = this.#audit;
    if (next !== undefined && records.length < recordsMax) await this.#read(next);
  }

  /** The records of one dispatch. */
  async open(auditId: string): Promise<void> {
    const before = this.#audit.dispatch;
    if (before?.auditId !== auditId) this.#set({ dispatch: { auditId, records: [] } });
    const reply = await this.#send(apiRequest("get", `${base}/{audit_id}`, { params: { audit_id: auditId } }));
    if (this.#audit.dispatch?.auditId !== auditId) return;
    const records = recordsIn(reply.body);
    this.#set({
      dispatch: { auditId, records, ...(!reply.ok && { problem: reply.problem }) },
      proofProblem: undefined,
    });
  }

  close(): void {
    const { dispatch: _, ...rest } = this.#audit;
    this.#store.set({ audit: rest });
  }

  async verify(): Promise<void> {
    this.#set({ verifying: true, verifyProblem: undefined });
    const reply = await this.#send(apiRequest("get", `${base}/verify`), verifyMs);
    if (reply.ok) this.#set({ verifying: false, verification: readVerification(reply.body, new Date().toISOString()) });
    else this.#set({ verifying: false, verifyProblem: reply.problem });
    await this.#readHead();
  }

  /** Downloads through a request of ours, and not a link: the token goes in a header. */
  async proof(auditId: string): Promise<void> {
    const request = apiRequest("get", `${base}/{audit_id}/proof`, { params: { audit_id: auditId } });
    const reply = await this.#send(request, verifyMs);
    this.#set({ proofProblem: reply.ok ? undefined : reply.problem });
    if (reply.ok) saveFile(`${auditId}.proof.json`, reply.text);
  }

  async #read(cursor: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    const { search, event } = this.#audit;
    const query = { ...auditFilter(search), ...(event !== "" && { event }), limit: pageSize, cursor };
    this.#set({ loading: true });
    const reply = await this.#send(apiRequest("get", base, { query }));
    if (turn !== this.#turn) return;
    if (!reply.ok) return this.#set({ loading: false, problem: reply.problem });
    const records = recordsIn(reply.body);
    const { next } = reply.body;
    this.#set({
      loading: false,
      problem: undefined,
      records: cursor === undefined ? records : [...this.#audit.records, ...records],
      answered: `${search} ${event}`,
      next: typeof next === "string" ? next : undefined,
    });
  }

  async #readHead(): Promise<void> {
    const reply = await this.#send(apiRequest("get", `${base}/head`));
    const head = reply.ok ? readHead(reply.body) : undefined;
    if (head) this.#set({ head });
  }

  #send(request: ApiRequest, timeoutMs = readMs): ReturnType<Requests["send"]> {
    return this.#requests.send(request, { timeoutMs });
  }

  get #audit(): AuditState {
    return this.#store.state.audit;
  }

  #set(change: Partial<AuditState>): void {
    this.#store.set({ audit: { ...this.#audit, ...change } });
  }
}

function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
