/** A typed array that has become too small: what is in it, in a larger one, which is returned. */
export function copyInto<T extends Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array>(
  from: T,
  larger: T,
): T {
  larger.set(from);
  return larger;
}
