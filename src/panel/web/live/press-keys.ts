import { parseJson } from "../api/json.ts";
import type { Command } from "./commander.ts";

/** The key of a button's presses. */
export interface PressKey {
  readonly key: string;
  /** A press under this key was sent, and nobody knows what became of it. */
  readonly inDoubt: boolean;
}

/**
 * Keys of presses that are not settled: every further press goes under the same one, so that however late an earlier
 * one arrives, only one of them runs. A copy in the session's storage survives a reload. They are as many as the buttons
 * that somebody has pressed in vain.
 */
const kept = new Map<string, PressKey>();
const doubtMark = "in doubt ";
const slotMark = "roxy-key ";

/** Which presses share a key: its text is what is meant, whatever was typed for an id. */
export function slotOf({ action, story_id, plan_id, nonce }: Command): string {
  return slotMark + JSON.stringify({ action, story_id, plan_id, nonce });
}

/** Presses of this tab, before it was loaded anew, of which nobody knows what became. */
export function pressesInDoubt(): { readonly command: Command; readonly key: string }[] {
  const slots = stored(() => Object.keys(sessionStorage)) ?? [];
  return slots.flatMap((slot) => {
    const command = slot.startsWith(slotMark) ? parseJson(slot.slice(slotMark.length)) : undefined;
    const { key, inDoubt } = keyFor(slot);
    return command !== undefined && inDoubt ? [{ key, command: command as Command }] : [];
  });
}

/** The key that the next press goes under. */
export function keyFor(slot: string): PressKey {
  return kept.get(slot) ?? storedKey(slot) ?? { key: newKey(), inDoubt: false };
}

/** To be called before anything is sent: a reload, or a crash, may come before the answer. */
export function keep(slot: string, { key, inDoubt }: PressKey): void {
  kept.set(slot, { key, inDoubt });
  stored(() => sessionStorage.setItem(slot, `${inDoubt ? doubtMark : ""}${key}`));
}

/** The next press is another one. */
export function forget(slot: string): void {
  kept.delete(slot);
  stored(() => sessionStorage.removeItem(slot));
}

function storedKey(slot: string): PressKey | undefined {
  const text = stored(() => sessionStorage.getItem(slot)) ?? undefined;
  return text === undefined ? undefined : { key: text.replace(doubtMark, ""), inDoubt: text.startsWith(doubtMark) };
}

/** A browser may refuse its storage; then a reload forgets, and roxy-core's own checks stand behind us. */
export function stored<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}

/** 128 random bits. Not `randomUUID`: pages that came over plain HTTP from another machine don't have it. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `panel-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
