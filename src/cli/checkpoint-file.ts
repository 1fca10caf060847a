import { isFlaw } from "../audit/frame.ts";
import { noteBytesMax } from "../audit/note-file.ts";
import type { SignedCheckpoint } from "../audit/note.ts";
import { parseNote } from "../audit/note.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import type { CommandSpec } from "./options.ts";
import { usageError } from "./options.ts";
import { printable } from "./printable.ts";

export interface CheckpointFile {
  readonly text: string;
  readonly note: SignedCheckpoint;
}

/**
 * A checkpoint kept elsewhere.
 * @param argument as what it was given
 * @throws Fatal when it can't be read (1), or is none (2): that says nothing about the log
 */
export function readCheckpointFile(command: CommandSpec, files: Files, argument: string, path: string): CheckpointFile {
  let text: string;
  try {
    text = new TextDecoder().decode(files.readAll(path, noteBytesMax));
  } catch (error) {
    throw new Fatal(`Cannot read the checkpoint ${printable(path)}: ${messageOf(error)}`);
  }
  const note = parseNote(text);
  if (isFlaw(note)) throw usageError(command, `${argument}: ${printable(path)}: ${note.flaw}`);
  return { text, note };
}
