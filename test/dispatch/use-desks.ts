import { afterEach } from "bun:test";
import type { Desk, DeskOptions } from "./desk.ts";
import { openDesk } from "./desk.ts";

/** For the tests of one file: each desk that one of them opens is closed after it. */
export function useDesks(): (options?: DeskOptions) => Promise<Desk> {
  const desks: Desk[] = [];
  afterEach(async () => {
    for (const desk of desks.splice(0)) await desk.close();
  });
  return async (options) => {
    const desk = await openDesk(options);
    desks.push(desk);
    return desk;
  };
}
