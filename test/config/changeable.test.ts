import { describe, expect, test } from "bun:test";
import { loadConfig } from "../../src/config/load.ts";
import type { World } from "./inputs.ts";
import { defaultFile, inputOf, withFile } from "./inputs.ts";

const folder = "/home/mark/.roxy";
const say = "decide where commands go and who may send them; chmod go-w it";
const warningsOf = (world: World): readonly string[] => loadConfig(withFile("{}", world)).warnings;

describe("a configuration that others may change", () => {
  test.each([0o666, 0o664, 0o602, 0o620])("is warned about by its mode (%o)", (mode) => {
    const octal = mode.toString(8).padStart(4, "0");
    expect(warningsOf({ modes: { [defaultFile]: mode } })).toEqual([
      `other users may write ${defaultFile} (mode ${octal}), and so ${say}`,
    ]);
  });

  test.each([0o777, 0o775, 0o733])("is warned about by its folder's mode (%o)", (mode) => {
    const octal = mode.toString(8).padStart(4, "0");
    expect(warningsOf({ modes: { [folder]: mode } })).toEqual([
      `other users may write ${folder} (mode ${octal}), and so ${say}`,
    ]);
  });

  test("is warned about by its owner, and its folder's", () => {
    const theirs = (place: string): string =>
      `user 1001 owns ${place}, and so decides where commands go and who may send them; chown it`;
    expect(warningsOf({ owners: { [defaultFile]: 1001, [folder]: 1001 } })).toEqual([
      theirs(defaultFile),
      theirs(folder),
    ]);
  });

  test.each([
    ["others may read it", { modes: { [defaultFile]: 0o644, [folder]: 0o755 } }],
    ["its folder is sticky, as /tmp is", { modes: { [folder]: 0o1777 } }],
    ["it is root's", { owners: { [defaultFile]: 0, [folder]: 0 } }],
  ])("is none when %s", (_, world) => {
    expect(warningsOf(world)).toEqual([]);
  });

  test("is none without a file", () => {
    expect(loadConfig(inputOf({ modes: { [defaultFile]: 0o666 } })).warnings).toEqual([]);
  });
});
