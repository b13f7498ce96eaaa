/** Checking one file of any kind that the program reads. */
import { statSync } from "node:fs";
import { parseDocument } from "yaml";
import { InputError } from "../core/input-error.ts";
import { parseFingerprints } from "../workload/readers/fingerprints.ts";
import { parseTouchedPages } from "../workload/readers/touched-pages.ts";
import { readTrace } from "../workload/readers/trace.ts";
import { isBinaryTrace } from "../workload/readers/trace-binary.ts";
import { referenceCount } from "../workload/reference-trace.ts";
import { loadMachine, loadWorkload } from "./documents/load.ts";
import { inputText, readInputFile } from "./input-files.ts";
import { planRun } from "./plan.ts";
import { readResults } from "./store.ts";

/** What the file is, in a few words. Throws an {@link InputError} with everything that is wrong with it. */
export async function checkFile(file: string): Promise<string> {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    const { cells } = await readResults(file);
    return `results of ${cells.length} cells`;
  }
  const stored = readInputFile(file);
  const { bytes } = stored;
  if (/\.fp(\.gz)?$/.test(file)) return `fingerprints of ${parseFingerprints(bytes, file).length} pages`;
  if (/\.touch(\.gz)?$/.test(file)) return `touched pages of ${parseTouchedPages(bytes, file).length} windows`;
  if (isBinaryTrace(bytes) || /\.lackey(\.gz)?$/.test(file)) {
    return `reference trace of ${referenceCount(readTrace(bytes, file))} references`;
  }
  if (/\.ya?ml$/.test(file)) return checkDescription(file, inputText(stored));
  throw new InputError(
    `${file}: unknown kind of file; expected .yaml, .fp, .fp.gz, .touch, .touch.gz, .lackey, .lackey.gz, a trace that was converted, or a results folder`,
  );
}

/** The kind of a description shows in the keys that only this kind has. */
async function checkDescription(file: string, text: string): Promise<string> {
  const keys = new Set(topLevelKeys(text));
  if (keys.has("blocks")) return `matrix of ${(await planRun(file)).cells.length} cells`;
  if (keys.has("costs") || keys.has("kernel-paths") || keys.has("cpu")) {
    return `machine with ${loadMachine(file).numbers.length} figures`;
  }
  if (keys.has("guest") || keys.has("activities") || keys.has("trace")) {
    return `workload "${loadWorkload(file).workload.title}"`;
  }
  const expected = "blocks (a matrix), costs (a machine) or guest (a workload)";
  throw new InputError(`${file}:1:1: neither a matrix, a machine nor a workload; expected one of the keys ${expected}`);
}

function topLevelKeys(text: string): readonly string[] {
  try {
    return Object.keys((parseDocument(text).toJS() as object | null) ?? {});
  } catch {
    return [];
  }
}
