/** A reference trace in the form that is read fastest. */
import { gzipSync } from "node:zlib";
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

/** Packed as gzip if `out` ends in .gz. Throws an {@link InputError} when one cannot be read or the other not be written. */
export async function convertTrace(file: string, out: string): Promise<ConvertedTrace> {
  const trace = readTrace(readInputFile(file).bytes, file);
  const plain = writeBinaryTrace(trace);
  const stored = out.endsWith(".gz") ? gzipSync(plain) : plain;
  await writeOutput(out, stored);
  return { references: referenceCount(trace), bytes: stored.length };
}
