import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { reply } from "../e2e/podium-stub.ts";
import { browserSuite } from "./browser.ts";
import { useStage } from "./stage.ts";

browserSuite("messages in a browser, until they are put away", (screen) => {
  const stage = useStage(screen);

  const open = async (): Promise<Page> => {
    stage.podium.status = reply.text('{"stories":[{"storyId":"S-1","status":"todo"}]}');
    const page = await screen.page(stage.gateway.url);
    await page.locator(".state.good").waitFor();
    return page;
  };
  const form = (page: Page, words: string) => page.locator(".story-form").getByRole("alert").filter({ hasText: words });
  const run = async (page: Page, id: string): Promise<void> => {
    await page.fill("#story-id", id);
    await page.keyboard.press("Enter");
  };

  test("a plan that Podium does not name stays over a change of page, refused or staged", async () => {
    const page = await open();
    const plan = (id: string) => page.locator(".plan", { hasText: id });
    stage.podium.next(
      reply.text('{"success":false,"error":"no such plan"}'),
      reply.text('{"success":true,"nonce":"0123456789abcdef"}'),
    );
    for (const [id, told] of [
      ["SKOREQ-NONE", "no such plan"],
      ["SKOREQ-NEW", "Staged."],
    ] as const) {
      await page.fill("#plan-id", id);
      await page.keyboard.press("Enter");
      await plan(id).getByText(told).waitFor();
    }
    await page.locator("#plan-id").blur();
    await page.keyboard.press("2");
    await page.locator("#records-title").waitFor();
    await page.keyboard.press("1");
    await plan("SKOREQ-NONE").getByText("no such plan").waitFor();
    expect(await plan("SKOREQ-NEW").getByLabel("Nonce").inputValue()).toBe("0123456789abcdef");
    await plan("SKOREQ-NONE").getByRole("button", { name: "Put this message away" }).click();
    await plan("SKOREQ-NONE").waitFor({ state: "detached" });
  });

  test("one about a story outside the catalogue stands under the form, whatever is typed there next, over a reload too", async () => {
    const page = await open();
    await page.route("**/dispatch", (route) => route.abort("connectionreset"));
    await run(page, "OTHER-77");
    await form(page, "It is not known whether it ran").waitFor();
    await page.fill("#story-id", "OTHER-778");
    await page.locator(".story-form", { hasText: "Run OTHER-77" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(1);
    await page.reload();
    await page.locator(".story-form", { hasText: "Run OTHER-77" }).waitFor();
    await form(page, "An earlier press is in doubt").getByRole("button", { name: "Put this message away" }).click();
    await page.getByText("OTHER-77").waitFor({ state: "detached" });
  });

  test("one about what can be no id puts none on another story", async () => {
    const page = await open();
    await page.route("**/dispatch", (route) => route.abort("connectionreset"));
    await run(page, "S-1 S-2");
    await form(page, "It is not known whether it ran").waitFor();
    await page.reload();
    await form(page, "An earlier press is in doubt").waitFor();
    expect(await page.locator(".story-form").textContent()).toContain("Run S-1 S-2");
    expect(await page.getByRole("alert").count()).toBe(1);
  });

  test("a halt that failed says so over a reload, until it is put away or one comes through", async () => {
    const page = await open();
    const halt = () => page.locator("#halt").click({ delay: 1_200 });
    const note = page.locator(".top").getByRole("alert").filter({ hasText: "NOT HALTED" });
    stage.podium.otherwise = reply.text('{"success":false,"error":"no brakes"}');
    await halt();
    const told = await note.textContent();
    await page.reload();
    expect(await note.textContent()).toBe(told);
    await note.getByRole("button", { name: "Put this message away" }).click();
    await note.waitFor({ state: "detached" });
    await page.reload();
    await page.locator(".state.good").waitFor();
    expect(await note.count()).toBe(0);
    await halt();
    await note.waitFor();
    stage.podium.otherwise = reply.text('{"success":true}');
    await halt();
    await page.getByText(/^Halted at/).waitFor();
    await page.reload();
    await page.locator(".state.good").waitFor();
    expect(await page.locator(".top > .note").count()).toBe(0);
  });

  test("a page that was left in the middle of a halt says that nobody knows, until the log tells", async () => {
    const page = await open();
    const gate = Promise.withResolvers<void>();
    stage.podium.next(reply.after(gate.promise, reply.text('{"success":true}')));
    await page.locator("#halt").click({ delay: 1_200 });
    await stage.podium.commandsSeen(1);
    await page.reload();
    const note = page.locator(".top").getByRole("alert").filter({ hasText: "Not known whether it halted" });
    await note.waitFor();
    gate.resolve();
    await page.getByText(/^Halted at/).waitFor();
  });

  test("nothing was complained about", () => {
    expect(screen.watched.complaints).toEqual([]);
  });
});
