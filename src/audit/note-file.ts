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
  const text = decoded(files.readAll(path, noteBytesMax));
  const note = text === undefined ? { flaw: "it is not a signed checkpoint: it is not UTF-8" } : parseNote(text);
  return isFlaw(note) ? note : { path, text: text!, note };
}

/** To the byte: what other programs would not take for a checkpoint is none for us either. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
