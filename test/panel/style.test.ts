import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { repository } from "../e2e/launcher.ts";

const css = readFileSync(`${repository}/src/panel/web/style/base.css`, "utf8");
/** The light one, the dark one that was chosen, and the dark one of the system. */
const themes = [...css.matchAll(/\{\n\s*color-scheme: (\w+);([^}]*)\}/g)].map(([, name, body]) => ({
  name: name!,
  colours: new Map([...body!.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, key, value]) => [key!, value!])),
}));

/** Relative luminance (WCAG 2.2). */
function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

describe("the panel's style", () => {
  test("has a light theme and two equal dark ones", () => {
    expect(themes.map(({ name }) => name)).toEqual(["light", "dark", "dark"]);
    expect(themes[1]).toEqual(themes[2]);
  });

  test("draws the chart in colours that stand out from its ground", () => {
    for (const { colours } of themes) {
      for (const name of ["good", "bad", "refused", "accent"]) {
        expect(contrast(colours.get(name)!, colours.get("surface")!)).toBeGreaterThanOrEqual(3);
      }
    }
  });

  test("takes its size from what the reader has set in the browser", () => {
    const size = /font-size: clamp\((.*)\);/.exec(css)?.[1];
    expect(size).toContain("%");
    expect(size).not.toContain("px");
  });
});
