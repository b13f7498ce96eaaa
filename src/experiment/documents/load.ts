/** Workloads and the real inputs they name, from disk. */
import { digest } from "../../core/digest.ts";
import { compileWorkload, contentsOfGuest, type TraceWork } from "../../workload/compile.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { parseFingerprints } from "../../workload/readers/fingerprints.ts";
import { readTrace } from "../../workload/readers/trace.ts";
import { traceToStream } from "../../workload/trace-stream.ts";
import type { Workload } from "../../workload/workload.ts";
import { inputText, readInputFile } from "../input-files.ts";
import { NamedInputs } from "./named-inputs.ts";
import { readWorkload } from "./workload-document.ts";

export interface LoadedWorkload {
  readonly file: string;
  readonly workload: Workload;
  /** Contents of memory by the name that the description uses. */
  readonly contents: ReadonlyMap<string, BigUint64Array>;
  /** Compressed sizes of their pages, by the same name. */
  readonly compressedSizes: ReadonlyMap<string, Uint8Array>;
  readonly trace?: TraceWork;
  /** Hex SHA-256 over the description and every file it names. */
  readonly digest: string;
}

/** Read a workload and the files it names, relative to its own folder. Throws an {@link InputError} with every problem. */
export function loadWorkload(file: string): LoadedWorkload {
  const stored = readInputFile(file);
  const { workload, document } = readWorkload(inputText(stored), file);
  const inputs = new NamedInputs(file, document);
  const contents = new Map<string, BigUint64Array>();
  for (const [index, name] of workload.guest.contents.entries()) {
    const path = ["guest", "contents", index];
    const pages = inputs.read(name, path, ({ bytes, path }) => parseFingerprints(bytes, path));
    if (pages === undefined) continue;
    contents.set(name, pages);
    if (pages.length > workload.guest.memoryPages) {
      inputs.complain(path, `has ${pages.length} pages, guest.memory only ${workload.guest.memoryPages}`);
    }
  }
  const compressedSizes = loadCompressedSizes(workload, contents, inputs);
  const trace = loadTrace(workload, inputs);
  inputs.throwProblems();
  const loaded = { file, workload, contents, compressedSizes, digest: digest(stored.sha256, ...inputs.digests) };
  return trace === undefined ? loaded : { ...loaded, trace };
}

/** One byte a page of the contents: its size once compressed, in units of 32 bytes. */
function loadCompressedSizes(
  { guest }: Workload,
  contents: ReadonlyMap<string, BigUint64Array>,
  inputs: NamedInputs,
): ReadonlyMap<string, Uint8Array> {
  const sizes = new Map<string, Uint8Array>();
  for (const [index, file] of guest.compressedSizes.entries()) {
    const path = ["guest", "compressed-sizes", index];
    const name = guest.contents[index];
    const pages = inputs.read(file, path, ({ bytes }) => bytes);
    const expected = contents.get(name)?.length ?? pages?.length;
    if (pages === undefined) continue;
    sizes.set(name, pages);
    if (pages.length !== expected) inputs.complain(path, `has ${pages.length} pages, its contents have ${expected}`);
  }
  return sizes;
}

function loadTrace({ work }: Workload, inputs: NamedInputs): TraceWork | undefined {
  if (work.kind !== "trace") return undefined;
  const { cyclesPerInstruction } = work;
  return inputs.read(work.file, ["trace", "file"], ({ bytes, path }) =>
    traceToStream(readTrace(bytes, path), { cyclesPerInstruction }),
  );
}

/** The work of `count` guests that run this workload side by side. */
export function compileGuests(loaded: LoadedWorkload, seed: number, count: number): readonly CompiledWorkload[] {
  return Array.from({ length: count }, (_, guestIndex) => compileGuest(loaded, seed, guestIndex));
}

/** The work of the guest with this index on its host, whatever its neighbours run. */
export function compileGuest(
  { workload, contents, compressedSizes, trace }: LoadedWorkload,
  seed: number,
  guestIndex: number,
): CompiledWorkload {
  const name = contentsOfGuest(workload, guestIndex) ?? "";
  const [image, sizes] = [contents.get(name), compressedSizes.get(name)];
  const inputs = {
    ...(image && { contents: image }),
    ...(sizes && { compressedSizes: sizes }),
    ...(trace && { trace }),
  };
  return compileWorkload(workload, { seed, guestIndex, ...inputs });
}
