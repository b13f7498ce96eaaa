/** Checking one file of any kind that the program reads. */
import { statSync } from "node:fs";
import { counted } from "../core/counted.ts";
import { InputError } from "../core/input-error.ts";
import { nearestName } from "../core/nearest-name.ts";
import { parseFingerprints } from "../workload/readers/fingerprints.ts";
import { parseTouchedPages } from "../workload/readers/touched-pages.ts";
import { readTrace } from "../workload/readers/trace.ts";
import { isBinaryTrace } from "../workload/readers/trace-binary.ts";
import { referenceCount } from "../workload/reference-trace.ts";
import { checkResults } from "./check-results.ts";
import { documentKind } from "./documents/document-kind.ts";
import { loadWorkload } from "./documents/load.ts";
import { loadMachine } from "./documents/load-machine.ts";
import { plainData } from "./documents/yaml-document.ts";
import { inputText, readInputFile } from "./input-files.ts";
import { planRun } from "./plan.ts";
import { skippedCells } from "./skipped-cells.ts";

/** What the file is, in a few words. Throws an {@link InputError} with everything that is wrong with it. */
export async function checkFile(file: string): Promise<string> {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) return checkResults(file);
  const stored = readInputFile(file);
  const { bytes } = stored;
  if (/\.fp(\.gz)?$/.test(file)) return `fingerprints of ${counted(parseFingerprints(bytes, file).length, "page")}`;
  if (/\.touch(\.gz)?$/.test(file))
    return `touched pages of ${counted(parseTouchedPages(bytes, file).length, "window")}`;
  if (isBinaryTrace(bytes) || /\.lackey(\.gz)?$/.test(file)) {
    return `reference trace of ${counted(referenceCount(readTrace(bytes, file)), "reference")}`;
  }
  if (/\.ya?ml$/.test(file)) return checkDescription(file, inputText(stored));
  throw new InputError(
    `${file}: unknown kind of file; expected .yaml, .fp, .fp.gz, .touch, .touch.gz, .lackey, .lackey.gz, a trace that was converted, or a results folder`,
  );
}

async function checkDescription(file: string, text: string): Promise<string> {
  const keys = Object.keys(plainData(text, file) ?? {});
  switch (documentKind(new Set(keys))) {
    case "matrix":
      return checkMatrix(file);
    case "machine":
      return `machine with ${counted(loadMachine(file).numbers.length, "figure")}`;
    case "workload":
      return `workload "${loadWorkload(file).workload.title}"`;
    default:
  }
  const expected = "blocks (a matrix), costs (a machine) or guest (a workload)";
  const misspelt = keys.flatMap((key) => {
    const nearest = nearestName(key, ["blocks", "costs", "guest"]);
    return nearest === undefined ? [] : [`; did you mean "${nearest}" by "${key}"?`];
  });
  throw new InputError(
    `${file}:1:1: neither a matrix, a machine nor a workload; expected one of the keys ${expected}${misspelt[0] ?? ""}`,
  );
}

/** A matrix of which no cell would run is wrong; one of which some would not says so. */
async function checkMatrix(file: string): Promise<string> {
  const plan = await planRun(file);
  const all = plan.cells.length;
  const skipped = await skippedCells(plan);
  const without = skipped.reduce((sum, { cells }) => sum + cells, 0);
  const reasons = skipped.map(({ vmm, reason, cells }) => `${cells} of ${vmm}: ${reason}`);
  if (without === all) {
    const cells = all === 1 ? "its only cell" : `every one of its ${all} cells`;
    throw new InputError(`${file}: ${cells} would be skipped: ${reasons.join("; ")}`);
  }
  const title = `matrix of ${counted(all, "cell")}`;
  return without === 0 ? title : `${title}, ${without} of which would be skipped: ${reasons.join("; ")}`;
}
