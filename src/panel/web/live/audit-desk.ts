import type { ApiRequest } from "../../../wire/client.ts";
import { apiRequest } from "../../../wire/client.ts";
import type { Fields } from "../api/json.ts";
import type { PlainProblem, Requests } from "../api/requests.ts";
import type { AuditState } from "../state/audit.ts";
import { hasEnded, questionOf, readHead, readVerification, recordsIn, recordsMax, seqOf } from "../state/audit.ts";
import type { Store } from "./store.ts";

const base = "/api/orchestrator/audit";
const readMs = 12_000;
/** Reading and hashing a log of months takes its time. */
const verifyMs = 120_000;
const pageSize = 50;
/** What came meanwhile is added to the pages that were read; after more than this, reading begins anew. */
const catchUpPagesMax = 4;
const beatMs = 5_000;

interface Refused {
  readonly problem: PlainProblem;
}

/** The audit page's requests: pages of the log, one dispatch, the chain's state, proofs. */
export class AuditDesk {
  readonly #requests: Requests;
  readonly #store: Store;
  #lastMs = 0;
  /** Answers to an older search are thrown away. */
  #turn = 0;
  /** The chain's end when the dispatch that is looked at was read: what is new stands behind it. */
  #followedTo: number | undefined;

  constructor(requests: Requests, store: Store) {
    this.#requests = requests;
    this.#store = store;
  }

  /** Reads what is new while the page is open. */
  beat(nowMs: number): void {
    const { page, audit } = this.#store.state;
    if (page.name !== "audit" || nowMs - this.#lastMs < beatMs || audit.loading) return;
    void this.refresh();
  }

  async refresh(): Promise<void> {
    if (this.#store.state.page.name !== "audit") return;
    this.#lastMs = Date.now();
    const { records, answered } = this.#audit;
    const hasPagedOn = records.length > pageSize && answered === this.#question;
    await Promise.all([hasPagedOn ? this.#catchUp() : this.#read(undefined), this.#readHead()]);
    await this.#follow();
  }

  async search(search: string, event = this.#audit.event): Promise<void> {
    this.#set({ search, event });
    await Promise.all([this.#read(undefined), this.#readHead()]);
  }

  async more(): Promise<void> {
    const { next } = this.#audit;
    if (next !== undefined) await this.#read(next);
  }

  /** The records of one dispatch. */
  async open(auditId: string): Promise<void> {
    const before = this.#audit.dispatch;
    if (before?.auditId !== auditId) this.#set({ dispatch: { auditId, records: [] }, proofProblem: undefined });
    await this.#readDispatch(auditId);
  }

  /** The dispatch that is looked at, until it has ended: its last records may be among the newest. */
  async #follow(): Promise<void> {
    const { dispatch, head } = this.#audit;
    if (!dispatch || hasEnded(dispatch.records) || head?.seq === this.#followedTo) return;
    this.#followedTo = head?.seq;
    await this.#readDispatch(dispatch.auditId);
  }

  async #readDispatch(auditId: string): Promise<void> {
    const reply = await this.#send(apiRequest("get", `${base}/{audit_id}`, { params: { audit_id: auditId } }));
    const before = this.#audit.dispatch;
    if (before?.auditId !== auditId) return;
    if (reply.ok) this.#set({ dispatch: { auditId, records: recordsIn(reply.body) } });
    else {
      this.#set({ dispatch: { ...before, problem: reply.problem } });
      this.#followedTo = undefined;
    }
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

  /** roxy-core answers again: that it did not is no news any longer. */
  gatewayReturned(): void {
    const { verifyProblem, proofProblem } = this.#audit;
    if (verifyProblem?.httpStatus === 0) this.#set({ verifyProblem: undefined });
    if (proofProblem?.httpStatus === 0) this.#set({ proofProblem: undefined });
  }

  async #read(cursor: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    this.#set({ loading: true });
    const question = this.#question;
    const page = await this.#page(cursor);
    if (turn !== this.#turn) return;
    if ("problem" in page) return this.#refused(question, page.problem);
    const before = cursor === undefined ? [] : this.#audit.records;
    this.#show([...before, ...page.records], page.next, question);
  }

  /** Puts what is new before the pages that have been read. */
  async #catchUp(): Promise<void> {
    const turn = ++this.#turn;
    const question = this.#question;
    const { records: before, next: nextBefore } = this.#audit;
    const newest = seqOf(before[0]);
    const came: Fields[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < catchUpPagesMax; pages++) {
      const page = await this.#page(cursor);
      if (turn !== this.#turn) return;
      if ("problem" in page) return this.#set({ loading: false, problem: page.problem });
      const isNew = page.records.filter((record) => seqOf(record) > newest);
      came.push(...isNew);
      if (isNew.length < page.records.length) return this.#show([...came, ...before], nextBefore, question);
      cursor = page.next;
      if (cursor === undefined) break;
    }
    this.#show(came, cursor, question);
  }

  /** Rows that answer another question than the one that stands above them would be lies. */
  #refused(question: string, problem: PlainProblem): void {
    if (question !== this.#audit.answered) this.#show([], undefined, question);
    this.#set({ loading: false, problem });
  }

  #show(records: readonly Fields[], next: string | undefined, answered: string): void {
    const isFull = records.length >= recordsMax;
    this.#set({
      loading: false,
      problem: undefined,
      records: records.slice(0, recordsMax),
      answered,
      next: isFull ? undefined : next,
    });
  }

  async #page(cursor: string | undefined): Promise<{ records: Fields[]; next: string | undefined } | Refused> {
    const query = { ...questionOf(this.#audit), limit: pageSize, cursor };
    const reply = await this.#send(apiRequest("get", base, { query }));
    if (!reply.ok) return { problem: reply.problem };
    const { next } = reply.body;
    return { records: recordsIn(reply.body), next: typeof next === "string" ? next : undefined };
  }

  /** What is asked of the log now. */
  get #question(): string {
    return JSON.stringify(questionOf(this.#audit));
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
