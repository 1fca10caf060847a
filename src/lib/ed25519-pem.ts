/** RFC 8410 section 7: what comes before the 32 bytes of an Ed25519 private key in PKCS #8. */
const head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const derBytes = head.length + 32;

/**
 * The DER inside a PEM file with one Ed25519 private key, as `openssl genpkey -algorithm ed25519` makes it; undefined for
 * anything else, an encrypted or another kind of key included. Only the structure is looked at: any 32 bytes are a key.
 */
export function ed25519Pkcs8(pem: string): Uint8Array<ArrayBuffer> | undefined {
  const base64 = /^-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/.exec(
    pem.trim(),
  )?.[1];
  if (base64 === undefined) return undefined;
  let der: Uint8Array<ArrayBuffer>;
  try {
    der = Uint8Array.fromBase64(base64);
  } catch {
    return undefined;
  }
  return der.length === derBytes && head.every((byte, index) => der[index] === byte) ? der : undefined;
}
