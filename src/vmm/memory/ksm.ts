/** Kernel samepage merging, as Linux does it for KVM (Linux, `Documentation/admin-guide/mm/ksm.rst`). */
import { cause } from "../../core/ledger.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PageSharer, ScanSpeed } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { adviseKsm, INITIAL_ADVICE, type KsmAdvice } from "./ksm-advisor.ts";
import { CHAINS_PRUNE_MS, ITEM_BYTES, KsmScanner, type ScanHints } from "./ksm-scanner.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

const SCAN = cause("vmm.page-sharing.scan");
const COMPARE = cause("vmm.page-sharing.compare");

export interface KsmParameters extends Record<string, number | boolean> {
  pagesToScan: number;
  sleepMs: number;
  maxPageSharing: number;
  useZeroPages: boolean;
  smartScan: boolean;
  stableFirst: boolean;
  advisor: boolean;
  advisorScanTime: number;
  advisorMaxCpu: number;
  advisorMaxPages: number;
  scannedBeforeStart: boolean;
}

/** A mechanism that says which pages to look at first, and what part of the pages scanned may be such ones. */
export interface HintingMechanism extends MemoryMechanism {
  readonly hints: ScanHints;
  readonly partPercent: number;
}

function givesHints(mechanism: MemoryMechanism): mechanism is HintingMechanism {
  return "hints" in mechanism;
}

class Ksm implements MemoryMechanism, PageSharer {
  readonly name = "ksm";
  readonly kind = "sharing";
  readonly sharesOnDemand = false;
  readonly copiesForLast = true;
  readonly #memory: HostMemory;
  readonly #mechanisms: readonly MemoryMechanism[];
  readonly #parameters: KsmParameters;
  readonly #scanner: KsmScanner;
  readonly #megahertz: number;
  readonly #costs: { readonly hash: number; readonly compare: number; readonly map: number };
  /** Without the advisor, only its pages to scan count, which stay what they are. */
  #advice: KsmAdvice;
  /** What a tuner has said last. */
  #speed: ScanSpeed | undefined;
  /** Time that the last batch took, and the pass so far: scanning alone, and with the sleep between batches. */
  #batchUs = 0;
  #busyUs = 0;
  #passUs = 0;
  #elapsedMs = 0;

  constructor(parameters: KsmParameters, { memory, profile, mechanisms }: HostContext) {
    this.#memory = memory;
    this.#mechanisms = mechanisms;
    this.#parameters = parameters;
    this.#scanner = new KsmScanner(memory, { ...parameters, chainsPruneMs: CHAINS_PRUNE_MS });
    this.#megahertz = profile.megahertz;
    this.#costs = {
      hash: primitiveCost(profile, "page.hash"),
      compare: primitiveCost(profile, "page.compare"),
      map: primitiveCost(profile, "page.map"),
    };
    this.#advice = parameters.advisor ? INITIAL_ADVICE : { ...INITIAL_ADVICE, pagesToScan: parameters.pagesToScan };
    memory.sharer = this;
    memory.frames.addOverhead(Math.ceil((memory.frames.forVms * ITEM_BYTES) / PAGE_BYTES));
  }

  /** Whether a host that is tuned has scanned before depends on what its tuner would have said: then it has not. */
  get scannedBeforeStart(): boolean {
    return this.#parameters.scannedBeforeStart && !this.#memory.sharingIsTuned;
  }

  /** The scanner sleeps after each batch; time goes on even if it is told not to, and finds nothing to scan. */
  get periodUs(): number {
    return Math.max(1, 1000 * this.speed.sleepMs + this.#batchUs);
  }

  /**
   * Every comparison is priced as one in full. On the way down a tree it ends where the pages differ, but neither they nor
   * the nodes are in a cache: a kernel took 8 us for a page that found no equal in trees of 26,000 and 105,000 pages (the
   * third pass of S4.series, see workloads/data/ksm-runs.json), which is 32 comparisons of 0.25 us.
   */
  work(): void {
    this.#batchUs = 0;
    if (!this.speed.run) return;
    const scanner = this.#scanner;
    const { hashes, comparisons, remaps, pagesScanned, fullScans } = scanner;
    this.#scan(this.#advice.pagesToScan);
    this.#memory.pagesScanned += scanner.pagesScanned - pagesScanned;
    const hashing = (scanner.hashes - hashes) * this.#costs.hash;
    const merging =
      (scanner.comparisons - comparisons) * this.#costs.compare + (scanner.remaps - remaps) * this.#costs.map;
    this.#memory.payer.add(SCAN, hashing, scanner.hashes - hashes);
    this.#memory.payer.add(COMPARE, merging, scanner.comparisons - comparisons);
    this.#batchUs = (hashing + merging) / this.#megahertz;
    this.#busyUs += this.#batchUs;
    this.#passUs += this.periodUs;
    this.#elapsedMs += this.periodUs / 1000;
    scanner.timeMs = this.#elapsedMs;
    if (scanner.fullScans > fullScans) this.#endPass();
  }

  /** Hints have their part of the pages, and what they do not use is scanned in order. */
  #scan(pages: number): void {
    const scanner = this.#scanner;
    const before = scanner.pagesScanned;
    for (const mechanism of this.#mechanisms) {
      if (givesHints(mechanism)) scanner.scanHints(mechanism.hints, Math.floor((pages * mechanism.partPercent) / 100));
    }
    scanner.scan(pages - (scanner.pagesScanned - before));
  }

  reclaim(): number {
    return 0;
  }

  share(vm: VmMemory, ppn: number): boolean {
    return this.#scanner.mergeUnchanged(vm, ppn);
  }

  forget(vm: VmMemory, ppn: number): void {
    this.#scanner.forget(vm, ppn);
  }

  /** While the advisor is on, the kernel takes no number of pages from outside (Linux, mm/ksm.c, pages_to_scan_store). */
  tune(speed: ScanSpeed): void {
    this.#speed = speed;
    if (!this.#parameters.advisor) this.#advice = { ...this.#advice, pagesToScan: Math.floor(speed.pagesToScan) };
  }

  get speed(): ScanSpeed {
    const { run, sleepMs } = this.#speed ?? { run: !this.#memory.sharingIsTuned, sleepMs: this.#parameters.sleepMs };
    return { run, pagesToScan: this.#advice.pagesToScan, sleepMs };
  }

  #endPass(): void {
    if (this.#parameters.advisor) {
      const { advisorScanTime, advisorMaxCpu, advisorMaxPages } = this.#parameters;
      const pass = { passSeconds: this.#passUs / 1e6, cpuPercent: (100 * this.#busyUs) / this.#passUs };
      const before = this.#advice;
      this.#advice = adviseKsm(
        { targetSeconds: advisorScanTime, maxCpuPercent: advisorMaxCpu, maxPages: advisorMaxPages },
        pass,
        before,
      );
      this.#memory.observer?.decided({
        by: this.name,
        rule: "advisor: scan time",
        action: "scan rate",
        outcome: { scanned_each_time_pages: this.#advice.pagesToScan },
        inputs: {
          scanned_each_time_pages: before.pagesToScan,
          pass_s: pass.passSeconds,
          wanted_pass_s: advisorScanTime,
          cpu_percent: pass.cpuPercent,
        },
      });
    }
    this.#busyUs = 0;
    this.#passUs = 0;
  }
}

export const ksm = definePart<"memory", KsmParameters>({
  slot: "memory",
  stage: "sharing",
  name: "ksm",
  summary: "Linux's KSM: merges pages of equal content that do not change between two passes over all VMs.",
  role: "page sharing",
  isTunable: true,
  parameters: {
    pagesToScan: {
      summary: "Pages scanned each time the scanner wakes up",
      default: 100,
      unit: "pages",
      min: 1,
      source: "Linux, ksm.rst, pages_to_scan",
    },
    sleepMs: {
      summary: "How long the scanner sleeps after that",
      default: 20,
      unit: "ms",
      min: 1,
      source: "Linux, ksm.rst, sleep_millisecs",
    },
    maxPageSharing: {
      summary: "Most pages that share one frame; more of the same content take another",
      default: 256,
      unit: "pages",
      min: 2,
      source: "Linux, ksm.rst, max_page_sharing",
    },
    useZeroPages: {
      summary: "Map pages of zeros to the kernel's page of zeros",
      default: false,
      source: "Linux, ksm.rst, use_zero_pages",
    },
    smartScan: {
      summary: "Leave pages out of passes when they were scanned in vain",
      default: true,
      source: "Linux, ksm.rst, smart_scan",
    },
    stableFirst: {
      summary: "Look among shared frames before looking whether a page has changed, as kernels before about 6.11",
      default: false,
      source: "Linux 6.11: the checksum comes first",
    },
    advisor: {
      summary: "Choose the pages scanned each time so that a pass takes a given time",
      default: false,
      source: "Linux, ksm.rst, advisor_mode",
    },
    advisorScanTime: {
      summary: "Time that the advisor wants a pass to take",
      default: 200,
      unit: "s",
      min: 1,
      source: "Linux, ksm.rst, advisor_target_scan_time",
    },
    advisorMaxCpu: {
      summary: "Most CPU time that the advisor lets the scanner use, of one CPU",
      default: 70,
      unit: "%",
      min: 10,
      max: 100,
      source: "Linux, ksm.rst, advisor_max_cpu",
    },
    advisorMaxPages: {
      summary: "Most pages that the advisor has scanned each time",
      default: 30_000,
      unit: "pages",
      min: 1,
      source: "Linux, ksm.rst, advisor_max_pages_to_scan",
    },
    scannedBeforeStart: {
      summary: "Pages have been visited when the simulation starts: hosts are up for days, a run is short",
      default: true,
      source: "assumption: at the kernel's defaults a guest of 256 MiB is visited in 16 s",
    },
  },
  needs: ["page.hash", "page.compare", "page.map", "page.cow-break"],
  create: (parameters, context) => new Ksm(parameters, context),
});
