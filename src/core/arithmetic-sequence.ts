/** Typed arrays of consecutive numbers; a plain loop, since `Int32Array.from` calls a function for each element. */

/** `first`, `first + step`, ... (`length` of them). */
export function arithmeticSequence(length: number, first: number, step: number): Int32Array {
  const sequence = new Int32Array(length);
  for (let i = 0, value = first; i < length; i++, value += step) sequence[i] = value;
  return sequence;
}
