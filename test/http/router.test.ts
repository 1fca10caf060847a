import { expect, test } from "bun:test";
import fc from "fast-check";
import { TrieRouter } from "hono/router/trie-router";
import { RememberingRouter } from "../../src/http/router.ts";

const methods = ["GET", "POST", "DELETE", "ALL"];
const paths = ["*", "/", "/a", "/a/:id", "/a/head", "/a/:id/proof", "/a/*", "/b"];
const routes = fc.array(fc.tuple(fc.constantFrom(...methods), fc.constantFrom(...paths)), { maxLength: 10 });
const requests = fc.array(
  fc.tuple(
    fc.constantFrom("GET", "POST", "DELETE", "BREW"),
    fc.constantFrom("/", "/a", "/a/", "/a/head", "/a/1", "/a/1/proof", "/b", "/c", "/a/head/proof"),
  ),
  { maxLength: 20 },
);

test("it gives what Hono's router gives, asked as often as one likes", () => {
  fc.assert(
    fc.property(routes, requests, (added, asked) => {
      const router = new RememberingRouter<string>();
      const model = new TrieRouter<string>();
      for (const [index, [method, path]] of added.entries()) {
        for (const one of [router, model]) one.add(method, path, `${index}`);
      }
      for (const [method, path] of [...asked, ...asked]) {
        expect(router.match(method, path)).toEqual(model.match(method, path));
      }
    }),
  );
});

test("a path without parameters is looked for once", () => {
  const router = new RememberingRouter<string>();
  router.add("POST", "/door", "door");
  router.add("GET", "/jobs/:id", "job");
  expect(router.match("POST", "/door")).toBe(router.match("POST", "/door"));
  expect(router.match("GET", "/jobs/1")).not.toBe(router.match("GET", "/jobs/1"));
  expect(() => router.add("ALL", "*", "guard")).toThrow("comes too late");
});
