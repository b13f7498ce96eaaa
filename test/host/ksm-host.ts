import { PendingCharges } from "../../src/core/pending-charges.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { CHAINS_PRUNE_MS, KsmScanner, type KsmSettings } from "../../src/vmm/memory/ksm-scanner.ts";
import { profile } from "./fixtures.ts";

export interface KsmHost {
  readonly memory: HostMemory;
  readonly scanner: KsmScanner;
}

const UNLIMITED: KsmSettings = {
  maxPageSharing: 1e6,
  useZeroPages: false,
  smartScan: false,
  stableFirst: false,
  chainsPruneMs: CHAINS_PRUNE_MS,
};

/** Host memory with VMs of the given contents, and KSM over it without a part around it. */
export function ksmHost(contents: readonly Uint32Array[], settings: Partial<KsmSettings> = {}, room = 0): KsmHost {
  const pages = room + contents.reduce((sum, vm) => sum + vm.length, 0);
  const memory = new HostMemory(profile, pages, new PendingCharges());
  const scanner = new KsmScanner(memory, { ...UNLIMITED, ...settings });
  memory.sharer = {
    scannedBeforeStart: false,
    sharesOnDemand: false,
    copiesForLast: true,
    share: () => false,
    forget: (vm, ppn) => scanner.forget(vm, ppn),
  };
  for (const vmContents of contents) {
    const vm = memory.addVm(vmContents.length);
    vmContents.forEach((content, ppn) => memory.write(vm, ppn, content));
  }
  return { memory, scanner };
}

/** One pass over all pages, from wherever the scanner is. */
export function fullScan({ scanner }: KsmHost): void {
  const { fullScans } = scanner;
  while (scanner.fullScans === fullScans) scanner.scan(1000);
}

/** The counters that Linux has in /sys/kernel/mm/ksm, under its names. */
export function kernelCounters({ scanner }: KsmHost) {
  return {
    pages_shared: scanner.pagesShared,
    pages_sharing: scanner.pagesSharing,
    pages_unshared: scanner.pagesUnshared,
    pages_volatile: scanner.pagesVolatile,
    ksm_zero_pages: scanner.zeroPages,
  };
}

/** Contents that more than one shared frame holds, and these frames: counted from memory alone. */
export function chains({ memory: { frames, zeroFrame } }: KsmHost) {
  const framesOf = new Map<number, number>();
  frames.content.forEach((content, mpn) => {
    if (frames.isShared(mpn) && mpn !== zeroFrame) framesOf.set(content, (framesOf.get(content) ?? 0) + 1);
  });
  const several = [...framesOf.values()].filter((count) => count > 1);
  return { stable_node_chains: several.length, stable_node_dups: several.reduce((sum, count) => sum + count, 0) };
}
