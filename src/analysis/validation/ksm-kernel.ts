/** Runs of a real kernel's KSM (workloads/data/ksm-runs.json), and the scanner that is held against them. */
import { join } from "node:path";
import { PendingCharges } from "../../core/pending-charges.ts";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { inputText, readInputFile } from "../../experiment/input-files.ts";
import { HostMemory } from "../../vmm/host-memory/host-memory.ts";
import { CHAINS_PRUNE_MS, KsmScanner } from "../../vmm/memory/ksm-scanner.ts";
import type { Bench } from "./validation-set.ts";

/** Gives costs to the host that nobody asks for here. */
const MACHINE = "xeon-2.4-sosp03";
/** Of each guest. */
export const VM_PAGES = 65_536;

export interface KsmRun {
  readonly id: string;
  readonly settings: {
    readonly pages_to_scan: number;
    readonly max_page_sharing: number;
    readonly use_zero_pages: number;
    readonly smart_scan: number;
  };
  /** Snapshots of each VM, one a stage. */
  readonly vms: readonly (readonly string[])[];
  readonly stages: readonly { readonly full_scans: number; readonly pages_scanned: number }[];
  /** Stage, pages scanned, full scans, pages shared, sharing, unshared, volatile, zero pages. */
  readonly samples: readonly (readonly number[])[];
}

export function runOf(bench: Bench, id: string): KsmRun {
  const runs = bench.once("ksm runs", () => {
    const text = inputText(readInputFile(join(PACKAGE_ROOT, "workloads/data/ksm-runs.json")));
    return (JSON.parse(text) as { readonly runs: readonly KsmRun[] }).runs;
  });
  const run = runs.find((each) => each.id === id);
  if (run === undefined) throw new Error(`there is no run "${id}"`);
  return run;
}

/** A host of so many pages with the scanner and nothing else, its settings those of the kernel. */
export function ksmScanner(
  bench: Bench,
  settings: KsmRun["settings"],
  pages: number,
): { readonly memory: HostMemory; readonly scanner: KsmScanner } {
  const memory = new HostMemory(bench.profile(MACHINE), pages, new PendingCharges());
  const scanner = new KsmScanner(memory, {
    maxPageSharing: settings.max_page_sharing,
    useZeroPages: settings.use_zero_pages === 1,
    smartScan: settings.smart_scan === 1,
    stableFirst: false,
    chainsPruneMs: CHAINS_PRUNE_MS,
  });
  memory.sharer = {
    scannedBeforeStart: false,
    sharesOnDemand: false,
    copiesForLast: true,
    share: () => false,
    forget: (vm, ppn) => scanner.forget(vm, ppn),
  };
  return { memory, scanner };
}
