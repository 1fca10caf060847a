import { expect, test } from "bun:test";
import { askedSince, statusSource } from "../../src/podium/status.ts";
import type { TokenSource } from "../../src/podium/token.ts";
import { defaultRoutes } from "../../src/wire/podium.ts";
import { yes } from "../dispatch/scripted-podium.ts";

test("nobody gets an answer to a question that is older than the asker, and a crowd costs two questions", async () => {
  const questions: PromiseWithResolvers<number>[] = [];
  const ask = askedSince(() => {
    questions.push(Promise.withResolvers());
    return questions.at(-1)!.promise;
  });
  const first = ask();
  const crowd = Array.from({ length: 100 }, () => ask());
  expect(questions).toHaveLength(1);
  questions[0]!.resolve(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(questions).toHaveLength(2);
  const last = ask();
  questions[1]!.resolve(2);
  expect(new Set(await Promise.all(crowd))).toEqual(new Set([2]));
  await Promise.resolve();
  questions[2]!.resolve(3);
  expect(await last).toBe(3);
});

test("a question that fails fails for its askers only", async () => {
  let count = 0;
  const ask = askedSince(() => (++count === 1 ? Promise.reject(new Error("no")) : Promise.resolve(count)));
  const [first, second] = [ask(), ask()];
  expect(await first.catch(() => "failed")).toBe("failed");
  expect(await second).toBe(2);
  expect(await ask()).toBe(3);
});

test("Podium's status is asked for with no more than a viewer's rights", async () => {
  const asked: unknown[] = [];
  const token: TokenSource = async (claims) => void asked.push(claims);
  const ask = statusSource({ send: () => Promise.resolve(yes) }, { token }, defaultRoutes.status);
  expect(await ask()).toBe(yes);
  expect(asked).toEqual([{ subject: "roxy-core", role: "viewer" }]);
});
