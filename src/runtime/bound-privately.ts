/** Makes what `bind` makes 0600 from its first moment on: a mode that is set afterwards leaves a gap. */
export function boundPrivately<T>(bind: () => T): T {
  const before = process.umask(0o177);
  try {
    return bind();
  } finally {
    process.umask(before);
  }
}
