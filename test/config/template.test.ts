import { describe, expect, test } from "bun:test";
import { parseJsonc } from "../../src/config/jsonc.ts";
import { settings } from "../../src/config/keys.ts";
import { loadConfig } from "../../src/config/load.ts";
import { configTemplate } from "../../src/config/template.ts";
import { inputOf, withFile } from "./inputs.ts";

const root = "/home/mark/.roxy";
const template = configTemplate(root);
const uncommented = template.replaceAll(/^( *)\/\/(?=\S)/gm, "$1");

describe("configTemplate", () => {
  test("changes nothing as it is", () => {
    const loaded = loadConfig(withFile(template));
    expect(loaded.config).toEqual(loadConfig(inputOf({})).config);
    expect([...loaded.provenance.values()].every(({ source }) => source === "default")).toBe(true);
    expect(loaded.warnings).toEqual([]);
  });

  test("gives the same defaults when every line is uncommented, now all from the file", () => {
    expect(uncommented).not.toBe(template);
    const loaded = loadConfig(withFile(uncommented));
    expect(loaded.config).toEqual(loadConfig(inputOf({})).config);
    const unset = settings.filter(({ key }) => loaded.provenance.get(key)?.source !== "file").map(({ key }) => key);
    expect(unset).toEqual([
      "listen.socket",
      "podium.jwt_secret_file",
      "podium.jwt_secret_previous_file",
      "podium.jwt_private_key_file",
      "podium.jwt_private_key_previous_file",
      "auth.token_file",
    ]);
  });

  test("can be uncommented one setting at a time", () => {
    const lines = template.split("\n");
    const starts = lines.flatMap((line, index) => (/^ *\/\/".*[^[]$/.test(line) ? [index] : []));
    expect(starts.length).toBeGreaterThan(25);
    for (const start of starts) {
      const one = lines.map((line, index) => (index === start ? line.replace("//", "") : line)).join("\n");
      expect(parseJsonc(one).mistakes).toEqual([]);
      expect(loadConfig(withFile(one)).config).toEqual(loadConfig(inputOf({})).config);
    }
  });

  test("tells of every setting what it means and what it expects", () => {
    const told = template.replaceAll(/\n *\/\/ /g, " ");
    for (const { path, description, expected } of settings) {
      expect(template).toContain(`"${path.at(-1)}": `);
      if (description === undefined) continue;
      expect(told).toContain(description);
      expect(told).toContain(`Expected: ${expected}.`);
    }
  });

  test("has the root's own paths in it", () => {
    expect(configTemplate("/srv/roxy")).toContain('//"dir": "/srv/roxy/logs",');
  });
});
