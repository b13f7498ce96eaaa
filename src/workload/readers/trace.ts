import type { ReferenceTrace } from "../reference-trace.ts";
import { parseLackey } from "./lackey.ts";
import { isBinaryTrace, readBinaryTrace } from "./trace-binary.ts";

/** A reference trace in either form, told apart by the first bytes. Throws an {@link InputError} when it is damaged. */
export function readTrace(bytes: Uint8Array, source: string): ReferenceTrace {
  return isBinaryTrace(bytes) ? readBinaryTrace(bytes, source) : parseLackey(bytes, source);
}
