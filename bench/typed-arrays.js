/** Which typed arrays a piece of the engine keeps, found by watching them being made. */

const KINDS = ["Uint8Array", "Uint16Array", "Uint32Array", "Int32Array", "Float64Array"];

/** Runs `make` and returns [file, bytes] of the arrays that its result keeps alive, by the file that made them, largest first. */
export async function typedArraysOf(make, collectGarbage) {
  const made = [];
  const originals = KINDS.map((kind) => globalThis[kind]);
  for (const [i, kind] of KINDS.entries()) globalThis[kind] = watched(originals[i], made);
  let kept;
  try {
    kept = make();
  } finally {
    for (const [i, kind] of KINDS.entries()) globalThis[kind] = originals[i];
  }
  // A weak reference holds on to what it refers to until the end of the turn in which it was made.
  await new Promise((resolve) => setTimeout(resolve));
  collectGarbage();
  const bytes = new Map();
  for (const { file, array } of made) bytes.set(file, (bytes.get(file) ?? 0) + (array.deref()?.byteLength ?? 0));
  if (kept === undefined) throw new Error("nothing was made");
  return [...bytes].sort(([, a], [, b]) => b - a);
}

function watched(kind, made) {
  return new Proxy(kind, {
    construct(target, values, newTarget) {
      const array = Reflect.construct(target, values, newTarget === target ? target : kind);
      made.push({ file: makerOf(new Error("made here").stack ?? ""), array: new WeakRef(array) });
      return array;
    },
  });
}

/** The innermost file of the package on the stack. */
function makerOf(stack) {
  return /dist\/([^:)]+)\.js/.exec(stack)?.[1] ?? "elsewhere";
}
