/**
 * Fingerprint files: the contents of a guest's memory, one unsigned 64-bit little-endian number a 4 KiB page, in order of
 * guest-physical address. A fingerprint is XXH64 (seed 0) of the page; two pages are equal exactly if their numbers are.
 */
import { counted } from "../../core/counted.ts";
import { InputError } from "../../core/input-error.ts";

const BYTES_PER_FINGERPRINT = 8;

/**
 * The fingerprints in the unpacked bytes of a fingerprint file; `source` names the file in messages. The result is a copy
 * of its own. Throws an {@link InputError} unless the size is a positive multiple of 8 bytes, and for a text file of such a size.
 */
export function parseFingerprints(bytes: Uint8Array, source: string): BigUint64Array {
  const excess = bytes.length % BYTES_PER_FINGERPRINT;
  if (bytes.length === 0) {
    throw new InputError(`${source}: byte offset 0: no fingerprints; expected 8 bytes for each page of the guest`);
  }
  if (excess !== 0) {
    throw new InputError(
      `${source}: byte offset ${bytes.length - excess}: the last fingerprint has ${excess} of 8 bytes; ` +
        `expected a file of 8 bytes a page, found ${counted(bytes.length, "byte")}`,
    );
  }
  if (isText(bytes)) {
    throw new InputError(`${source}: byte offset 0: is a text file; expected binary fingerprints, 8 bytes a page`);
  }
  // The bytes may start anywhere in their buffer, but a BigUint64Array must start at a multiple of 8.
  const aligned = new Uint8Array(bytes.length);
  aligned.set(bytes);
  return new BigUint64Array(aligned.buffer);
}

/** Whether the first 64 bytes are ASCII text, which eight hashes are with a probability of 10^-27. */
function isText(bytes: Uint8Array): boolean {
  const beginning = bytes.subarray(0, 64);
  return beginning.length === 64 && beginning.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a);
}
