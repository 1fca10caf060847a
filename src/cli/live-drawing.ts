import type { Process } from "../runtime/types.ts";

/** Control sequences of ECMA-48, and DEC's for the cursor, which every terminal of today knows. */
const csi = "\u001b[";
const codes = {
  lineEnd: `${csi}K`,
  screenEnd: `${csi}J`,
  clear: `${csi}H${csi}2J`,
  hideCursor: `${csi}?25l`,
  showCursor: `${csi}?25h`,
} as const;

/** Lines that are drawn again in their place. What was on the screen before stays above them. */
export interface LiveDrawing {
  /** Lines that fit the terminal, in width and in number: one row less than it has. */
  draw(lines: readonly string[]): void;
  /** After a resize the terminal may have broken our lines anew: nobody knows where they begin. */
  forget(): void;
  /** Leaves the last lines where they are, and the cursor below them as it was. */
  end(): void;
}

export function liveDrawing({ stdout }: Pick<Process, "stdout">): LiveDrawing {
  let drawn = 0;
  let before = "";
  let hasBegun = false;
  return {
    draw(lines) {
      const text = lines.map((line) => `${line}${codes.lineEnd}\n`).join("");
      if (hasBegun && text === before) return;
      const back = drawn === 0 ? "" : `\r${csi}${drawn}A`;
      stdout(`${hasBegun ? "" : codes.hideCursor}${back}${text}${codes.screenEnd}`);
      [hasBegun, before, drawn] = [true, text, lines.length];
    },
    forget() {
      if (!hasBegun) return;
      stdout(codes.clear);
      [before, drawn] = ["", 0];
    },
    end() {
      if (hasBegun) stdout(codes.showCursor);
      hasBegun = false;
    },
  };
}
