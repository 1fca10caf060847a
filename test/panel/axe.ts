import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { repository } from "../e2e/launcher.ts";

const axe = readFileSync(`${repository}/node_modules/axe-core/axe.min.js`, "utf8");

interface Finding {
  readonly html: string;
  readonly failureSummary: string;
  readonly any: readonly { readonly data?: { readonly messageKey?: string } | null }[];
}
interface Rule {
  readonly id: string;
  readonly nodes: readonly Finding[];
}

/**
 * axe's own words for what is wrong; from outside the page's policy, as an inspector would run it. Text in the colour of
 * its ground is wrong too: axe takes it for hidden on purpose and files it under what it could not judge.
 */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { axe: checker } = window as unknown as {
      axe: { run(options: object): Promise<{ violations: Rule[]; incomplete: Rule[] }> };
    };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations: wrong, incomplete } = await checker.run({ runOnly: { type: "tag", values: tags } });
    const isBlank = ({ any }: Finding): boolean => any.some(({ data }) => data?.messageKey === "equalRatio");
    const blank = incomplete.map(({ id, nodes }) => ({ id, nodes: nodes.filter(isBlank) }));
    return [...wrong, ...blank];
  });
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
