import { describe, expect, test } from "bun:test";
import path from "node:path";
import fc from "fast-check";
import { folderOf, isInside, resolvePath } from "../../src/config/paths.ts";

const base = { folder: "/etc/roxy", home: "/home/mark" };

describe("resolvePath", () => {
  test.each([
    ["~", "/home/mark"],
    ["~/logs", "/home/mark/logs"],
    ["~logs", "/etc/roxy/~logs"],
    ["logs", "/etc/roxy/logs"],
    ["./logs/", "/etc/roxy/logs"],
    ["../logs", "/etc/logs"],
    ["/var//log/./x/../y", "/var/log/y"],
    ["/..", "/"],
  ])("%s is %s", (given, expected) => {
    expect(resolvePath(given, base)).toBe(expected);
  });

  test("does what node:path does", () => {
    const part = fc.constantFrom("a", "b", "..", ".", "", "c d");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.boolean(), (parts, absolute) => {
        const given = (absolute ? "/" : "") + parts.join("/");
        expect(resolvePath(given, base)).toBe(path.posix.resolve(base.folder, given));
      }),
    );
  });
});

describe("folderOf", () => {
  test.each([
    ["/a/b", "/a"],
    ["/a", "/"],
    ["a", "."],
  ])("of %s is %s", (given, expected) => {
    expect(folderOf(given)).toBe(expected);
  });
});

describe("isInside", () => {
  test("takes the folder itself and what lies in it, not its neighbours", () => {
    expect(isInside("/a/b/c", "/a/b")).toBe(true);
    expect(isInside("/a/b", "/a/b")).toBe(true);
    expect(isInside("/a/bc", "/a/b")).toBe(false);
    expect(isInside("/a", "/")).toBe(true);
  });
});
