/** @jsxImportSource hono/jsx/dom */
import { useEffect, useRef, useState } from "hono/jsx/dom";
import type { HeldRows } from "../state/held.ts";
import { heldRows } from "../state/held.ts";

/** Longer than from seeing a button to pressing it. Who rests longer reads, and wants what is true by now. */
const aimMs = 4_000;

interface Held<T> extends HeldRows<T> {
  /** Lets the list go on to how it is now. */
  readonly release: () => void;
  /** For the element that the rows and {@link Newcomers} stand in. */
  readonly hold: {
    readonly onPointerMove: () => void;
    readonly onPointerDown: () => void;
    readonly onPointerLeave: () => void;
    readonly onKeyDown: () => void;
    readonly onKeyUp: () => void;
  };
}

interface Reading {
  /** What its reader asked of the list: when that changes, the list follows at once. */
  readonly wish?: string;
  /** Rows drawn at most. */
  readonly shown?: number;
}

/**
 * Keeps a list still while somebody aims at its rows: a pointer has been moved over it, or a key pressed in it, within the
 * last {@link aimMs}. No button moves away, and none comes under a finger that was meant for another.
 */
export function useHeld<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { wish = "", shown }: Reading = {},
): Held<T> {
  const [isAimedAt, setAimedAt] = useState(false);
  const [released, setReleased] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const turn = `${released} ${wish}`;
  const before = useRef<{ turn: string; items: ReadonlyMap<string, T> } | null>(null);
  const was = isAimedAt && before.current?.turn === turn ? before.current.items : undefined;
  // Nothing can be aimed at in an empty list.
  const held = was && was.size > 0 ? was : undefined;
  const list = heldRows(held, items, keyOf, shown);
  before.current = { turn, items: held ?? new Map(items.map((item) => [keyOf(item), item])) };
  const forget = (): void => clearTimeout(timer.current ?? undefined);
  const rest = (): void => {
    forget();
    setAimedAt(false);
  };
  const aim = (): void => {
    // Where no row is left, moving on is no sign of aiming: the list goes on in its time.
    if (held && list.rows.every(({ gone }) => gone)) return;
    forget();
    timer.current = setTimeout(rest, aimMs);
    setAimedAt(true);
  };
  useEffect(() => forget, []);
  const hold = {
    onPointerMove: aim,
    onPointerDown: aim,
    // A finger is over a list only while it presses: it leaves with the press.
    onPointerLeave: rest,
    onKeyDown: aim,
    // The key that leads into the list goes down before it.
    onKeyUp: aim,
  };
  return { ...list, release: () => setReleased((count) => count + 1), hold };
}

/** What waits, in the list's header, where its coming moves nothing. */
export function Newcomers({ held, noun }: { held: { waiting: number; release: () => void }; noun: string }) {
  const { waiting, release } = held;
  return (
    <span class="newcomers" role="status" tabIndex={-1}>
      {waiting > 0 && (
        <button type="button" class="small" onClick={release}>
          {waiting} new<span class="unseen"> {noun}: show</span>
        </button>
      )}
    </span>
  );
}
