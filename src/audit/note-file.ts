import type { Files } from "../runtime/types.ts";
import { checkpointName, pathIn } from "./folder.ts";
import type { Flaw } from "./frame.ts";
import { isFlaw } from "./frame.ts";
import type { SignedCheckpoint } from "./note.ts";
import { parseNote } from "./note.ts";

/** Three short lines, and the 16 signatures that signed-note wants verifiers to take at least. */
export const noteBytesMax = 16_384;

export interface NoteFile {
  readonly path: string;
  readonly text: string;
  readonly note: SignedCheckpoint;
}

/**
 * The newest checkpoint, beside the log; undefined when there is none. Who signed it is still to be checked.
 * @returns a flaw when what stands there can't be one: longer than any, or another text. @throws FileError
 */
export function readNoteFile(files: Files, dir: string): NoteFile | Flaw | undefined {
  const path = pathIn(dir, checkpointName);
  const facts = files.stat(path);
  if (!facts) return undefined;
  if (facts.bytes > noteBytesMax) return { flaw: `it is not a signed checkpoint: it has ${facts.bytes} bytes` };
  const text = new TextDecoder().decode(files.readAll(path, noteBytesMax));
  const note = parseNote(text);
  return isFlaw(note) ? note : { path, text, note };
}
