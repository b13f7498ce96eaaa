/**
 * What the KSM of a real kernel counted on the memory of real guests (workloads/data/ksm-runs.json): pages saved at the end, on
 * different sets of guests and with different settings, and on the way there. The same scanner runs here on the same contents;
 * no number of it was derived from these counts. Runs whose guests go on are in ksm-stages.ts.
 */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { readInputFile } from "../../experiment/input-files.ts";
import { ContentIds } from "../../machine/content-ids.ts";
import type { KsmScanner } from "../../vmm/memory/ksm-scanner.ts";
import { parseFingerprints } from "../../workload/readers/fingerprints.ts";
import { type KsmRun, ksmScanner, runOf, VM_PAGES } from "./ksm-kernel.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const DATA = join(PACKAGE_ROOT, "workloads/data");

function snapshot(bench: Bench, name: string): BigUint64Array {
  return bench.once(`snapshot ${name}`, () => {
    const file = join(DATA, `${name}.fp.gz`);
    return parseFingerprints(readInputFile(file).bytes, file);
  });
}

/** The scanner over the guests of a run, before its first page. */
function scannerOf(bench: Bench, { vms, settings }: KsmRun): KsmScanner {
  const ids = new ContentIds();
  const { memory, scanner } = ksmScanner(bench, settings, vms.length * VM_PAGES);
  for (const [name] of vms) {
    const vm = memory.addVm(VM_PAGES);
    ids.internAll(snapshot(bench, name)).forEach((content, ppn) => memory.write(vm, ppn, content));
  }
  return scanner;
}

/** After as many passes as the kernel made. */
function merged(bench: Bench, id: string): KsmScanner {
  return bench.once(`ksm ${id}`, () => {
    const run = runOf(bench, id);
    const scanner = scannerOf(bench, run);
    while (scanner.fullScans < run.stages[0].full_scans) scanner.scan(run.settings.pages_to_scan);
    return scanner;
  });
}

function figureId(run: string, figure: string): string {
  return `ksm.${run.toLowerCase().replace(".", "-")}.${figure}`;
}

/** Sets of two to nine guests, and settings of the kernel. */
const SETS = ["S2a", "S2b", "S2c", "S2d", "S4", "S4b", "S6", "S9"];
const SETTINGS = ["zero", "max256", "smart"];
const RUNS = [
  ...SETS.map((set) => `${set}.plain`),
  ...["S2a", "S4", "S6"].flatMap((set) => SETTINGS.map((setting) => `${set}.${setting}`)),
  "S4.series",
  "S2.kernel-default",
];

function atTheEnd(id: string): ValidationRow {
  return {
    id: figureId(id, "sharing"),
    role: "prediction",
    simulate: (bench) => merged(bench, id).pagesSharing,
  };
}

/** Pages of zeros, which the kernel maps to its own instead of merging them with each other. */
function zeroPages(id: string): ValidationRow {
  return {
    id: figureId(id, "zero-pages"),
    role: "prediction",
    simulate: (bench) => merged(bench, id).zeroPages,
  };
}

const SERIES = "S4.series";
/** Samples of its second pass, in which it merges. */
const SECOND_PASS = [1, 2, 3];

/** The sample nearest to so many quarters of the second pass, and what the scanner has merged when it has got as far. */
function onTheWay(quarter: number): ValidationRow {
  return {
    id: figureId(SERIES, `quarter-${quarter}`),
    role: "prediction",
    simulate: (bench) => {
      const run = runOf(bench, SERIES);
      const scanner = scannerOf(bench, run);
      // A process of an earlier run was on its way out: the first pass has its pages, too (workloads/data/README.md).
      const strangers = 22_609;
      const position = sampleOfQuarter(run, quarter)[1] - strangers;
      while (scanner.pagesScanned < position) {
        scanner.scan(Math.min(run.settings.pages_to_scan, position - scanner.pagesScanned));
      }
      return scanner.pagesSharing;
    },
  };
}

function sampleOfQuarter({ vms, samples }: KsmRun, quarter: number): readonly number[] {
  const wanted = vms.length * VM_PAGES * (1 + quarter / 4) + 22_609;
  const off = ([, position]: readonly number[]): number => Math.abs(position - wanted);
  return samples.reduce((best, sample) => (off(sample) < off(best) ? sample : best));
}

export const ksmRuns: ValidationSet = {
  name: "ksm",
  source: "Measured: KSM of Linux 6.18, on the memory of real guests",
  rows: [...RUNS.map(atTheEnd), ...["S2a.zero", "S4.zero", "S6.zero"].map(zeroPages), ...SECOND_PASS.map(onTheWay)],
};
