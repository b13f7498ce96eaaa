/** A reference trace in the form that is read fastest. */
import { statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { InputError } from "../core/input-error.ts";
import { readTrace } from "../workload/readers/trace.ts";
import { writeBinaryTrace } from "../workload/readers/trace-binary.ts";
import { referenceCount } from "../workload/reference-trace.ts";
import { readInputFile } from "./input-files.ts";
import { writeOutput } from "./output-files.ts";

export interface ConvertedTrace {
  readonly references: number;
  /** Size of the file that was written. */
  readonly bytes: number;
}

/**
 * Packed as gzip if `out` ends in .gz. Throws an {@link InputError} when one cannot be read or the other not be written, and
 * when both are the same file: the text that was recorded cannot be got back from the binary form.
 */
export async function convertTrace(file: string, out: string): Promise<ConvertedTrace> {
  const { bytes } = readInputFile(file);
  if (isSameFile(file, out)) throw new InputError(`${out}: is the trace itself; expected another file to write`);
  const trace = readTrace(bytes, file);
  const plain = writeBinaryTrace(trace);
  const stored = out.endsWith(".gz") ? gzipSync(plain) : plain;
  await writeOutput(out, stored);
  return { references: referenceCount(trace), bytes: stored.length };
}

/** Through links of either kind, too. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}
