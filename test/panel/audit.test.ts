import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { eventually } from "../e2e/watch.ts";
import { browserSuite } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer, lunoServer } from "./servers.ts";

interface Answer {
  readonly job_id: string;
  readonly audit_id: string;
  readonly receipt: { readonly seq: number; readonly hash: string };
}

browserSuite("the audit log in a browser", (screen) => {
  let luno: Server;
  let gateway: Server;
  let page: Page;
  const answers: Answer[] = [];
  beforeAll(async () => {
    luno = await lunoServer().start();
    gateway = await gatewayServer(luno.url).start();
    for (const story_id of ["STORY-001", "STORY-002"]) {
      answers.push(await dispatch("enqueue_story", { story_id }));
    }
    for (const { job_id } of answers) await eventually(() => done(job_id), `${job_id} is done`);
    // A start signs a checkpoint over all that is there: proofs can be had.
    await gateway.kill();
    await gateway.start();
    page = await screen.page(`${gateway.url}/#/audit`, { permissions: ["clipboard-read", "clipboard-write"] });
  });
  const dispatch = async (action: string, payload: object = {}): Promise<Answer> => {
    const body = JSON.stringify({ action, payload, auth: { user_id: "mark" } });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${gateway.url}/api/orchestrator/dispatch`, { method: "POST", headers, body });
    return (await answer.json()) as Answer;
  };
  const done = async (jobId: string): Promise<true | undefined> => {
    const answer = await fetch(`${gateway.url}/api/orchestrator/status/${jobId}`);
    return ((await answer.json()) as { podium_status?: string }).podium_status === "done" ? true : undefined;
  };
  afterAll(async () => {
    await screen.closeContexts();
    await gateway?.kill();
    await luno?.kill();
  });

  const rows = (words: string) => page.locator("tbody tr", { hasText: words });

  test("newest records come first, and the search says what it understood", async () => {
    await rows("STORY-002").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("STORY-001 user:mark");
    await page.keyboard.press("Enter");
    await page.getByText("Where story is STORY-001 and user is mark.").waitFor();
    await rows("STORY-002").first().waitFor({ state: "detached" });
    expect(await rows("STORY-001").count()).toBeGreaterThan(0);
    await page.selectOption("#event", "intent");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  });

  test("what the search can't mean is said in words", async () => {
    await page.fill("#search", "result:x story:a/b");
    await page.keyboard.press("Enter");
    expect(await page.getByRole("alert").textContent()).toMatch(/not valid.*story/s);
    expect(await page.locator("tbody tr").count()).toBe(0);
    await page.fill("#search", "");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor({ state: "detached" });
    await page.selectOption("#event", "");
  });

  test("the chain is verified, with the mark how far", async () => {
    await page.getByRole("button", { name: "Verify now" }).click();
    await page.getByText(/up to #\d+, \d+ records/).waitFor();
    await page.locator("tr.verified-mark").waitFor();
    expect(await page.getByLabel("verified", { exact: true }).count()).toBeGreaterThan(3);
  });

  test("one dispatch's records stand side by side; its receipt is copied as it was given", async () => {
    const { audit_id, job_id, receipt } = answers[0]!;
    await page.fill("#search", audit_id.toLowerCase());
    await page.keyboard.press("Enter");
    await page.locator("article.record", { hasText: "intent" }).waitFor();
    await page.locator("article.record", { hasText: "outcome" }).waitFor();
    expect(await page.locator("article.record", { hasText: "intent" }).textContent()).toContain(receipt.hash);
    await page.getByRole("button", { name: "Copy receipt" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(JSON.parse(copied)).toEqual({ audit_id, job_id, receipt });
  });

  test("opened while it runs, they grow until it has ended", async () => {
    const { audit_id } = await dispatch("enqueue_story", { story_id: "STORY-005" });
    await page.evaluate((id) => void (location.hash = `#/audit/${id}`), audit_id);
    const records = page.locator("article.record");
    await records.filter({ hasText: "podium_statusin_progress" }).waitFor();
    const ended = records.filter({ hasText: "podium_statuscancelled" });
    expect(await ended.count()).toBe(0);
    await dispatch("cancel_story", { story_id: "STORY-005" });
    await ended.waitFor();
    await page.evaluate((id) => void (location.hash = `#/audit/${id}`), answers[0]!.audit_id);
    await page.locator("article.record", { hasText: answers[0]!.receipt.hash }).first().waitFor();
  });

  test("whoever has read on to older records sees the newest ones come all the same, none left out", async () => {
    const seqs = () =>
      page
        .locator("tbody tr td:first-child")
        .evaluateAll((cells) => cells.map((cell) => parseInt(cell.textContent, 10)));
    const looks = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await dispatch("status");
    };
    await looks(30);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 50);
    await page.getByRole("button", { name: "Older records" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 50);
    const before = await seqs();
    // More than a page: what is new does not reach what was read.
    await looks(40);
    await page.waitForFunction(
      (newest) => parseInt(document.querySelector("tbody td")!.textContent, 10) >= newest + 80,
      before[0]!,
    );
    const after = await seqs();
    expect(after.at(-1)).toBe(before.at(-1));
    expect(after).toEqual(Array.from({ length: after.length }, (_, i) => after[0]! - i));
    await page.getByText(`#${after[0]}`, { exact: true }).first().waitFor();
  });

  test("its proof is downloaded as roxy-core wrote it", async () => {
    const { audit_id } = answers[0]!;
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download proof" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${audit_id}.proof.json`);
    const proof = await fetch(`${gateway.url}/api/orchestrator/audit/${audit_id}/proof`);
    expect(readFileSync(await download.path(), "utf8")).toBe(await proof.text());
  });

  test("a verification and a proof that could not be asked for say how to ask again, until the gateway is back", async () => {
    await page.context().setOffline(true);
    await page.getByRole("button", { name: "Verify now" }).click();
    await page.getByRole("button", { name: "Download proof" }).click();
    const chain = page.locator(".chain").getByRole("alert");
    await chain.filter({ hasText: "Press Verify now again." }).waitFor();
    const alerts = page.getByRole("alert");
    await alerts.filter({ hasText: "Press Download proof again." }).waitFor();
    await page.context().setOffline(false);
    await chain.waitFor({ state: "detached" });
    await alerts.first().waitFor({ state: "detached" });
  });

  test("the port map shows each neighbour with its health", async () => {
    await page.keyboard.press("3");
    await rows("Podium").locator(".status.good", { hasText: "up" }).waitFor();
    await rows("Ollama BIG").locator(".status", { hasText: "down" }).waitFor();
  });

  test("/ goes to the search of the log from a page that has none", async () => {
    await page.keyboard.press("3");
    await rows("Podium").waitFor();
    await page.keyboard.press("/");
    await page.waitForFunction(() => document.activeElement?.id === "search" && location.hash === "#/audit");
    await page.keyboard.press("Escape");
  });

  test("an edited record: verifying says which, in a sentence; a page that can't be read says so", async () => {
    const log = join(gateway.folder, "logs/orchestrator-audit.jsonl");
    const lines = readFileSync(log, "utf8").split("\n");
    const at = lines.findLastIndex((line) => line.includes('"intent"'));
    writeFileSync(log, lines.with(at, lines[at]!.replace("mark", "nark")).join("\n"));
    await page.getByRole("button", { name: "Verify now" }).click();
    const alert = page.locator(".chain").getByRole("alert");
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(
      new RegExp(
        String.raw`is damaged\. In (record #\d+, )?orchestrator-audit\.jsonl line ${at + 1}: the hash is wrong`,
      ),
    );
    const unread = page.getByRole("alert").filter({ hasText: "audit_unavailable" });
    await unread.waitFor();
    expect(await unread.textContent()).toStartWith("The audit log can't be read.");
  });

  test("nothing was complained about, and nobody else was asked", () => {
    expect(screen.watched.complaints).toEqual([]);
    expect([...screen.watched.hosts]).toEqual(["127.0.0.1"]);
  });
});
