/** For typed arrays that have become too small: how large the next one is, and the copy into it. */

/** Copy an array into a larger one, and return that. */
export function copyInto<T extends Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array>(
  from: T,
  larger: T,
): T {
  larger.set(from);
  return larger;
}

const FIRST_LENGTH = 1024;

/**
 * A length with room for `needed` entries, to grow to: an eighth more than now, so that at most a ninth is empty and
 * each entry is copied eight times in the end. `most`: never more than that.
 */
export function lengthFor(needed: number, length: number, most = Infinity): number {
  return Math.min(most, Math.max(FIRST_LENGTH, needed, length + (length >> 3)));
}
