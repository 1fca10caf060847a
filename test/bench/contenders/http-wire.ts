/** The least of HTTP/1.1 that the bench's own ends need: messages with a Content-Length, on a kept-alive connection. */

export interface Message {
  /** From the message's first byte to the end of its head. */
  readonly headBytes: number;
  readonly totalBytes: number;
}

const blankLine = Buffer.from("\r\n\r\n");

/** The message at the start of the bytes; undefined while its head or body is incomplete. */
export function messageAt(bytes: Buffer): Message | undefined {
  const end = bytes.indexOf(blankLine);
  if (end === -1) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, end));
  const headBytes = end + blankLine.length;
  const totalBytes = headBytes + Number(length?.[1] ?? 0);
  return bytes.length < totalBytes ? undefined : { headBytes, totalBytes };
}
