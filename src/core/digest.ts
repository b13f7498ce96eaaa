/** SHA-256 in pure TypeScript: the engine may not import `node:crypto`. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** Hex SHA-256 of the concatenated parts; strings count as UTF-8. */
export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = sha256.create();
  for (const part of parts) hash.update(typeof part === "string" ? new TextEncoder().encode(part) : part);
  return bytesToHex(hash.digest());
}

/** SHA-256 as 32 bytes. */
export function digestBytes(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}
