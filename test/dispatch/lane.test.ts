import { expect, jest, test } from "bun:test";
import fc from "fast-check";
import type { Client } from "../../src/dispatch/command.ts";
import type { Ticket } from "../../src/dispatch/lane.ts";
import { Lane } from "../../src/dispatch/lane.ts";
import { Problem } from "../../src/lib/errors.ts";

const staying: Client = { signal: new AbortController().signal };
const halted = new Problem("cancelled_by_halt", "halt");

function laneOf(maxInFlight = 1, queueLimit = 100): Lane {
  return new Lane({ maxInFlight, queueLimit });
}

/** Resolves when everything that can happen without us has happened. */
function turns(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function codeOf(error: unknown): string {
  return error instanceof Problem ? error.code : String(error);
}

test("tickets get their turn in order of arrival, however many run at a time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(3), { maxLength: 30 }), async (max, leaving) => {
      const lane = laneOf(max);
      const served: number[] = [];
      const tickets = leaving.map((_, i) => {
        const ticket = lane.take();
        void ticket.turn(staying).then(() => served.push(i));
        return ticket;
      });
      await turns();
      for (let done = 0; done < tickets.length; done++) {
        expect(served).toEqual(tickets.slice(0, Math.min(done + max, tickets.length)).map((_, i) => i));
        expect(lane.inFlight).toBeLessThanOrEqual(max);
        tickets[done]!.leave();
        await turns();
      }
      expect([lane.inFlight, lane.waiting]).toEqual([0, 0]);
    }),
    { numRuns: 30 },
  );
});

test("any order of taking, cancelling, hanging up and leaving keeps the bounds and loses nobody", async () => {
  const step = fc.constantFrom("take", "take", "leave", "hangUp", "halt");
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (max, steps) => {
      const lane = laneOf(max, 5);
      const live: Entry[] = [];
      for (const each of steps) {
        if (each === "take" && lane.waiting < 5) {
          const entry: Entry = { ticket: lane.take(), hangUp: new AbortController(), state: "waiting" };
          live.push(entry);
          void runTicket(entry);
        }
        if (each === "leave") leave(live.find(({ state }) => state === "running"));
        if (each === "hangUp") live.findLast(({ state }) => state === "waiting")?.hangUp.abort();
        if (each === "halt") lane.cancel(halted);
        await turns();
        expect(lane.inFlight).toBeLessThanOrEqual(max);
        expect(lane.inFlight).toBe(live.filter(({ state }) => state === "running").length);
        expect(lane.waiting).toBe(live.filter(({ state }) => state === "waiting").length);
        if (lane.waiting > 0) expect(lane.inFlight).toBe(max);
      }
    }),
    { numRuns: 50 },
  );
});

interface Entry {
  readonly ticket: Ticket;
  readonly hangUp: AbortController;
  state: "waiting" | "running" | "gone";
}

/** As a dispatch does: wait, begin, stay until somebody lets go; on a cancellation leave at once. */
async function runTicket(entry: Entry): Promise<void> {
  try {
    await entry.ticket.turn(entry.hangUp);
    entry.ticket.begin();
    entry.state = "running";
  } catch {
    leave(entry);
  }
}

function leave(entry: Entry | undefined): void {
  if (!entry) return;
  entry.state = "gone";
  entry.ticket.leave();
}

test("a lane whose places are taken refuses with Retry-After, and takes again when one has left", () => {
  const lane = laneOf(1, 2);
  const [first] = [lane.take(), lane.take(), lane.take()];
  expect(() => lane.take()).toThrow(expect.objectContaining({ code: "queue_full", status: 503, retry: "safe" }));
  expect([lane.inFlight, lane.waiting]).toEqual([1, 2]);
  first.leave();
  lane.take();
  expect([lane.inFlight, lane.waiting]).toEqual([1, 2]);
});

test("a lane without a queue still serves", () => {
  const lane = laneOf(1, 0);
  const ticket = lane.take();
  expect(() => lane.take()).toThrow(expect.objectContaining({ code: "queue_full" }));
  ticket.leave();
  lane.take();
});

test("a halt cancels those that wait and those that have not begun, and nobody else", async () => {
  const lane = laneOf(2);
  const [sending, granted, waiting] = [lane.take(), lane.take(), lane.take()];
  for (const ticket of [sending, granted]) await ticket.turn(staying);
  sending.begin();
  const turn = waiting.turn(staying).then(() => "served", codeOf);
  expect(lane.cancel(halted)).toBe(2);
  expect(await turn).toBe("cancelled_by_halt");
  expect(() => granted.begin()).toThrow(halted);
  sending.begin();
});

test("a ticket between two tries can be cancelled again", async () => {
  const lane = laneOf();
  const ticket = lane.take();
  await ticket.turn(staying);
  ticket.begin();
  ticket.rest();
  expect(lane.cancel(halted)).toBe(1);
  expect(() => ticket.begin()).toThrow(halted);
});

test("a ticket that was on its way when the others were cancelled is not tried again", async () => {
  const lane = laneOf();
  const ticket = lane.take();
  await ticket.turn(staying);
  ticket.begin();
  expect(lane.cancel(halted)).toBe(0);
  expect(() => ticket.rest()).toThrow(halted);
  expect(() => ticket.begin()).toThrow(halted);
});

test("nobody waits longer for a turn than a start looks back for open intents", async () => {
  jest.useFakeTimers();
  try {
    const lane = laneOf();
    const [sending, waiting, next] = [lane.take(), lane.take(), lane.take()];
    const turn = waiting.turn(staying).then(() => "served", codeOf);
    jest.advanceTimersByTime(12 * 3_600_000 - 1);
    const after = next.turn(staying).then(() => "served", codeOf);
    jest.advanceTimersByTime(1);
    expect(await turn).toBe("queue_full");
    waiting.leave();
    sending.leave();
    expect(await after).toBe("served");
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test("a ticket cancelled before anybody asks for its turn says so when asked", async () => {
  const lane = laneOf();
  lane.take();
  const waiting = lane.take();
  lane.cancel(halted);
  await turns();
  expect(await waiting.turn(staying).then(() => "served", codeOf)).toBe("cancelled_by_halt");
});

test("the first reason to cancel stands", async () => {
  const lane = laneOf();
  lane.take();
  const waiting = lane.take();
  lane.cancel(halted);
  expect(lane.cancel(new Problem("shutting_down", "bye"))).toBe(0);
  expect(await waiting.turn(staying).then(() => "served", codeOf)).toBe("cancelled_by_halt");
});

test("a client that hangs up while it waits is dropped, and the next one moves up", async () => {
  const lane = laneOf();
  const [first, second, third] = [lane.take(), lane.take(), lane.take()];
  const hangUp = new AbortController();
  const turn = second.turn(hangUp).then(() => "served", codeOf);
  const after = third.turn(staying).then(() => "served");
  hangUp.abort();
  expect(await turn).toBe("cancelled_by_client");
  second.leave();
  expect([lane.inFlight, lane.waiting]).toEqual([1, 1]);
  first.leave();
  expect(await after).toBe("served");
});

test("a client that had hung up before it waited is dropped too", async () => {
  const lane = laneOf();
  lane.take();
  const waiting = lane.take();
  expect(await waiting.turn({ signal: AbortSignal.abort() }).then(() => "served", codeOf)).toBe("cancelled_by_client");
});

test("a client that hangs up after its turn came changes nothing", async () => {
  const lane = laneOf();
  const [first, second] = [lane.take(), lane.take()];
  const hangUp = new AbortController();
  const turn = second.turn(hangUp);
  first.leave();
  await turn;
  hangUp.abort();
  second.begin();
});

test("closing refuses newcomers, cancels those that wait and resolves when the last one has left", async () => {
  const lane = laneOf();
  const [sending, waiting] = [lane.take(), lane.take()];
  sending.begin();
  const turn = waiting.turn(staying).catch(codeOf);
  let closed = false;
  const closing = lane.close().then(() => (closed = true));
  expect(await turn).toBe("shutting_down");
  expect(() => lane.take()).toThrow(expect.objectContaining({ code: "shutting_down" }));
  expect(() => lane.assertOpen()).toThrow(expect.objectContaining({ code: "shutting_down" }));
  waiting.leave();
  await turns();
  expect(closed).toBe(false);
  sending.leave();
  await closing;
});

test("while it closes a halt is waited for, and when it has closed or for too long none is taken", async () => {
  const lane = laneOf();
  const halt = lane.express();
  const closing = lane.close(60_000);
  lane.express().leave();
  halt.leave();
  await closing;
  expect(() => lane.express()).toThrow(expect.objectContaining({ code: "shutting_down" }));
  const busy = laneOf();
  const last = busy.express();
  const closed = busy.close(1);
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(() => busy.express()).toThrow(expect.objectContaining({ code: "shutting_down" }));
  last.leave();
  await closed;
});

test("a halt that is left twice counts once: it hides nobody who is on the way", async () => {
  const lane = laneOf();
  const halt = lane.express();
  halt.leave();
  halt.leave();
  expect(lane.busy).toBe(0);
  const ticket = lane.take();
  expect(lane.busy).toBe(1);
  let closed = false;
  const closing = lane.close().then(() => (closed = true));
  await turns();
  expect(closed).toBe(false);
  ticket.leave();
  await closing;
});

test("an empty lane closes at once", async () => {
  await laneOf().close();
});
