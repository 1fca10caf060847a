import type { Process } from "../runtime/types.ts";

/** Control sequences of ECMA-48, and DEC's for the cursor and xterm's for the other screen, which every terminal knows. */
const csi = "\u001b[";
const codes = {
  home: `${csi}H`,
  lineEnd: `${csi}K`,
  screenEnd: `${csi}J`,
  otherScreen: `${csi}?1049h`,
  firstScreen: `${csi}?1049l`,
  hideCursor: `${csi}?25l`,
  showCursor: `${csi}?25h`,
} as const;

/**
 * Lines that are drawn again in their place, on the terminal's other screen: from its top each time, so that nothing that
 * somebody types, nor a terminal that breaks lines anew, can move the place.
 */
export interface LiveDrawing {
  /**
   * Lines that fit the terminal, in width and in number: one row less than it has.
   * @param anew also when nothing has changed: a typed Enter may have moved what stands there
   */
  draw(lines: readonly string[], anew?: boolean): void;
  /** Leaves the last lines below what was on the screen before, and the cursor below them as it was. */
  end(): void;
}

export function liveDrawing({ stdout }: Pick<Process, "stdout">): LiveDrawing {
  let before: readonly string[] | undefined;
  const text = (lines: readonly string[], end: string): string => lines.map((line) => `${line}${end}\n`).join("");
  return {
    draw(lines, anew = false) {
      if (!anew && before?.join("\n") === lines.join("\n")) return;
      const begin = before === undefined ? codes.otherScreen + codes.hideCursor : "";
      stdout(begin + codes.home + text(lines, codes.lineEnd) + codes.screenEnd);
      before = lines;
    },
    end() {
      if (before !== undefined) stdout(codes.showCursor + codes.firstScreen + text(before, ""));
      before = undefined;
    },
  };
}
