const encoder = new TextEncoder();

/** Bytes that a text takes on the wire and on the disk. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}
