/** Content-based page sharing (Waldspurger 2002, section 4). */
import { cause } from "../../core/ledger.ts";
import type { RandomStream } from "../../core/random.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PageSharer } from "../host-memory/memory-roles.ts";
import { LARGE_PAGE, Region, type VmMemory, vmOfPage } from "../host-memory/vm-memory.ts";
import { FrameTable, NO_ENTRY } from "./frame-table.ts";
import { ReferenceOverflow } from "./reference-overflow.ts";
import { ScanOrder } from "./scan-order.ts";
import { type ScanRate, scanRate } from "./scan-rate.ts";

const SCAN = cause("vmm.page-sharing.scan");
const COMPARE = cause("vmm.page-sharing.compare");

const PERIODS_PER_SECOND = 10;
/** Pages that are looked at together before they are scanned. */
const TOGETHER = 64;

export interface PageSharingParameters extends Record<string, number | boolean> {
  pagesPerSecondPerVm: number;
  pagesPerSecond: number;
  passMinutes: number;
  hashBits: number;
  interVm: boolean;
  scannedBeforeStart: boolean;
}

class PageSharing implements MemoryMechanism, PageSharer {
  readonly name = "page-sharing";
  readonly kind = "sharing";
  readonly sharesOnDemand = true;
  readonly copiesForLast = false;
  readonly periodUs = 1e6 / PERIODS_PER_SECOND;
  readonly scannedBeforeStart: boolean;
  readonly #memory: HostMemory;
  readonly #table: FrameTable;
  readonly #overflow: ReferenceOverflow;
  readonly #random: RandomStream;
  readonly #costs: { readonly hash: number; readonly compare: number; readonly map: number };
  /** Where the scan of each VM has got to. */
  readonly #orders: ScanOrder[] = [];
  readonly #rate: ScanRate;
  /** Pages that are due, their VMs and frames. */
  readonly #duePages = new Int32Array(TOGETHER);
  readonly #dueVms: VmMemory[] = [];
  readonly #dueFrames = new Int32Array(TOGETHER);
  #due = 0;
  /** Of no meaning: it is there so that the compiler cannot drop a look ahead. */
  seen = 0;

  constructor(parameters: PageSharingParameters, context: HostContext) {
    this.scannedBeforeStart = parameters.scannedBeforeStart;
    this.#memory = context.memory;
    this.#random = context.random("page-sharing");
    this.#rate = scanRate(parameters, context.profile);
    this.#table = new FrameTable(context.memory, parameters.hashBits, parameters.interVm);
    this.#overflow = new ReferenceOverflow(context.memory.frames);
    this.#costs = {
      hash: primitiveCost(context.profile, "page.hash"),
      compare: primitiveCost(context.profile, "page.compare"),
      map: primitiveCost(context.profile, "page.map"),
    };
    context.memory.sharer = this;
    context.memory.frames.addOverhead(this.#table.overheadPages);
  }

  work(): void {
    this.#overflow.sweep();
    this.#rate.scan(this.#memory.vms, PERIODS_PER_SECOND, this.#nextIsDue);
    this.#scanDue();
  }

  reclaim(): number {
    return 0;
  }

  /** A match of the hash is only a hint: pages are compared in full before they are shared. */
  share(vm: VmMemory, ppn: number): boolean {
    const mpn = vm.backing[ppn];
    const { frames } = this.#memory;
    if (mpn < 0 || frames.isShared(mpn)) return false;
    this.#memory.payer.add(SCAN, this.#costs.hash);
    const key = this.#table.keyOf(frames.content[mpn]);
    let hint = NO_ENTRY;
    for (let entry = this.#table.first(key, vm.index); entry !== NO_ENTRY; entry = this.#table.next(entry, key)) {
      if (!this.#table.isShared(entry)) {
        hint = entry;
      } else if (vm.isLarge(ppn)) {
        return this.#noteCandidate(vm, ppn);
      } else if (this.#equal(mpn, this.#table.sharedFrame(entry))) {
        this.#memory.merge(vm, ppn, this.#table.sharedFrame(entry));
        this.#overflow.referenceAdded(this.#table.sharedFrame(entry));
        return true;
      }
    }
    if (hint !== NO_ENTRY) return this.#tryHint(hint, key, vm, ppn);
    this.#table.addHint(key, vm, ppn);
    return false;
  }

  forget(vm: VmMemory, ppn: number): void {
    this.#table.removeShared(vm.backing[ppn], vm.index);
  }

  readonly #nextIsDue = (vm: VmMemory): void => {
    this.#orders[vm.index] ??= new ScanOrder(vm.pages, this.#random);
    this.#dueVms[this.#due] = vm;
    this.#duePages[this.#due++] = this.#orders[vm.index].next();
    if (this.#due === TOGETHER) this.#scanDue();
  };

  #scanDue(): void {
    const due = this.#due;
    this.#due = 0;
    this.#lookAhead(due);
    this.#memory.pagesScanned += due;
    for (let i = 0; i < due; i++) this.share(this.#dueVms[i], this.#duePages[i]);
  }

  /** What is known of pages taken at random lies anywhere, and comes faster if none is waited for before the next is asked for. */
  #lookAhead(due: number): void {
    const { frames } = this.#memory;
    const mpns = this.#dueFrames;
    for (let i = 0; i < due; i++) mpns[i] = Math.max(0, this.#dueVms[i].backing[this.#duePages[i]]);
    let seen = frames.lookAhead(mpns, due);
    for (let i = 0; i < due; i++) {
      seen ^= this.#table.first(this.#table.keyOf(frames.content[mpns[i]]), this.#dueVms[i].index);
    }
    this.seen = seen;
  }

  /** The hint's page may have changed since: it is hashed again, and the hint replaced if the hash is another one. */
  #tryHint(entry: number, key: number, vm: VmMemory, ppn: number): boolean {
    const hintPage = this.#table.hintPage(entry);
    if (hintPage === vm.firstPage + ppn) return false;
    const hintVm = vmOfPage(this.#memory.vms, hintPage);
    const hintPpn = hintPage - hintVm.firstPage;
    const hintMpn = hintVm.backing[hintPpn];
    const own = vm.backing[ppn];
    this.#memory.payer.add(SCAN, this.#costs.hash);
    if (!this.#table.isValidHint(entry, key)) {
      this.#table.replaceHint(entry, vm, ppn);
      return false;
    }
    if (vm.isLarge(ppn)) return this.#noteCandidate(vm, ppn);
    if (hintVm.isLarge(hintPpn)) {
      // It will find this page here when its large page is broken.
      this.#table.replaceHint(entry, vm, ppn);
      return this.#noteCandidate(hintVm, hintPpn);
    }
    if (!this.#equal(own, hintMpn)) return false;
    this.#memory.frames.markShared(hintMpn);
    this.#table.makeShared(entry, hintMpn);
    this.#memory.merge(vm, ppn, hintMpn);
    return true;
  }

  /** Pages of large pages are hashed, so that they can be shared as soon as the large page is broken (VMware KB 1021095). */
  #noteCandidate(vm: VmMemory, ppn: number): boolean {
    vm.regions[Math.floor(ppn / LARGE_PAGE)] = Region.LargeCandidate;
    return false;
  }

  #equal(one: number, other: number): boolean {
    this.#memory.payer.add(COMPARE, this.#costs.compare + this.#costs.map);
    return this.#memory.frames.content[one] === this.#memory.frames.content[other];
  }
}

export const pageSharing = definePart<"memory", PageSharingParameters>({
  slot: "memory",
  stage: "sharing",
  name: "page-sharing",
  summary: "Finds pages of equal content in the background and backs them with one copy-on-write frame.",
  role: "page sharing",
  parameters: {
    pagesPerSecondPerVm: {
      summary: "Pages scanned per second and VM",
      default: 50,
      unit: "pages/s",
      min: 0,
      source: "ESX Server 2.x, Mem.ShareScanVM",
    },
    pagesPerSecond: {
      summary: "Pages scanned per second on the whole host",
      default: 200,
      unit: "pages/s",
      min: 0,
      source: "ESX Server 2.x, Mem.ShareScanTotal",
    },
    passMinutes: {
      summary: "Minutes in which each VM is scanned once, at 4 MB/s per GHz of the host at most; 0: the pages/s above",
      default: 0,
      unit: "min",
      min: 0,
      source: "ESX 3 and later, Mem.ShareScanTime (60) and Mem.ShareScanGHz (4)",
    },
    hashBits: {
      summary: "Bits of the content hash; 32 stands for one without collisions, as 64 bits practically are",
      default: 32,
      unit: "bits",
      min: 1,
      max: 32,
      source: "Waldspurger 2002, section 4.1: collisions below 0.01 % for 64 GB",
    },
    interVm: {
      summary: "Share between VMs, not only within each (the default until 2014)",
      default: true,
      source: "VMware, Mem.ShareForceSalting",
    },
    scannedBeforeStart: {
      summary: "Every page has been scanned once when the simulation starts: hosts are up for days, a run is short",
      default: true,
      source: "assumption: at 50 pages/s a guest of 256 MiB is scanned in 22 minutes",
    },
  },
  needs: ["page.hash", "page.compare", "page.map", "page.cow-break"],
  create: (parameters, context) => new PageSharing(parameters, context),
});
