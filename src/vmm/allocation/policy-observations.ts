/** What a policy sees of a simulated host: the host as it is now, each guest as it was at its last report. */
import { KIB_PER_PAGE } from "../../machine/page.ts";
import { DOM0 } from "../host-memory/driver-domain.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { type GuestReport, type Observations, sumOf, type VmObservations } from "../memory/policies/policy-contract.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { vmShares } from "../../workload/vm-settings.ts";
import type { ColdPages } from "./cold-pages.ts";
import type { VmsByName } from "./policy-actions.ts";

/** What is to be seen of one host and not of another. */
export interface ShownHost {
  /** Time between two reports of a guest on its memory; absent: guests are not asked. */
  readonly reportsEveryUs?: number;
  readonly swapSpace: boolean;
  /** Only to a policy that manages it. */
  readonly dom0: boolean;
  /** To clean a frame before somebody else gets it; 0: frames are given out as they are. */
  readonly scrubUs: number;
  /** Only for a policy that asks how old pages are, for looking at that has its price. */
  readonly cold: ColdPages | undefined;
  /** Likewise how much of them is active, which is then kept in {@link VmMemory.active}. */
  readonly activity: boolean;
}

export class HostView implements VmsByName {
  readonly #memory: HostMemory;
  readonly #shown: ShownHost;
  readonly #reports = new Map<VmMemory, { readonly askedUs: number; readonly report: GuestReport | undefined }>();
  readonly #names = new Map<string, VmMemory>();
  /** Frames that had to be cleaned at a time. */
  #dirtyFrames = 0;
  #dirtySinceUs = 0;

  constructor(memory: HostMemory, shown: ShownHost) {
    this.#memory = memory;
    this.#shown = shown;
  }

  /** Frames of a VM that has left are cleaned by a pCPU that has nothing else to do, so that this takes nobody's time. */
  vmHasLeft(frames: number, nowUs: number): void {
    this.#dirtyFrames = this.#dirty(nowUs) + frames;
    this.#dirtySinceUs = nowUs;
  }

  #dirty(nowUs: number): number {
    if (this.#dirtyFrames === 0 || this.#shown.scrubUs === 0) return 0;
    const clean = Math.floor((nowUs - this.#dirtySinceUs) / this.#shown.scrubUs);
    return Math.max(0, this.#dirtyFrames - clean);
  }

  vmNamed(name: string): VmMemory | undefined {
    return this.#names.get(name);
  }

  observe(nowUs: number): Observations {
    const { frames, vms, swapIns, swapOuts, slots, sharer } = this.#memory;
    const building = vms.filter((vm) => vm.building);
    const running = this.#running;
    // The model gives a VM its frames at once; a host fills them one by one until the VM is up.
    const unfilled = sumOf(building, ({ mapped }) => mapped);
    // A frame that is needed before its turn is cleaned when it is given out.
    const scrubbing = Math.min(frames.free, this.#dirty(nowUs));
    return {
      host: {
        total: frames.forVms * KIB_PER_PAGE,
        free: (frames.free - scrubbing + unfilled) * KIB_PER_PAGE,
        // The model's host has no page cache.
        reclaimable: 0,
        scrubbing: scrubbing * KIB_PER_PAGE,
        reserved: sumOf(building, ({ pages, ballooned }) => pages - ballooned) * KIB_PER_PAGE,
        // Where nothing else is set, as large as it must be for every VM to fit.
        swapTotal: this.#shown.swapSpace
          ? Math.min(
              slots.capacity,
              sumOf(vms, ({ pages }) => pages),
            ) * KIB_PER_PAGE
          : 0,
        swapUsed: sumOf(running, ({ swapped }) => swapped) * KIB_PER_PAGE,
        swappedInPages: swapIns,
        swappedOutPages: swapOuts,
        processes: {
          resident: (sumOf(vms, ({ mapped }) => mapped) - unfilled) * KIB_PER_PAGE,
          virtual: sumOf(vms, ({ pages, evicted }) => (evicted ? 0 : pages)) * KIB_PER_PAGE,
          proportional: (frames.private + frames.shared - unfilled) * KIB_PER_PAGE,
        },
        ...(sharer?.speed && { sharing: sharer.speed }),
      },
      vms: [...this.#observeDom0(nowUs), ...running.map((vm) => this.#observeVm(`vm${vm.number}`, vm, nowUs))],
    };
  }

  get #running(): readonly VmMemory[] {
    return this.#memory.vms.filter((vm) => !vm.evicted && !vm.building);
  }

  get shownVms(): readonly VmMemory[] {
    const { driverDomain } = this.#memory;
    return this.#shown.dom0 && driverDomain !== undefined ? [driverDomain.vm, ...this.#running] : this.#running;
  }

  /** Whoever manages it has a minimum of its own for it. */
  #observeDom0(nowUs: number): VmObservations[] {
    const { driverDomain } = this.#memory;
    if (!this.#shown.dom0 || driverDomain === undefined) return [];
    const { vm, fixed } = driverDomain;
    return [{ ...this.#observeVm(DOM0, vm, nowUs), minimum: 0, fixedSize: fixed }];
  }

  #observeVm(name: string, vm: VmMemory, nowUs: number): VmObservations {
    this.#names.set(name, vm);
    const guest = this.#report(vm, nowUs);
    return {
      name,
      actual: (vm.pages - vm.ballooned) * KIB_PER_PAGE,
      target: (vm.size ?? vm.target) * KIB_PER_PAGE,
      minimum: vm.least * KIB_PER_PAGE,
      maximum: vm.pages * KIB_PER_PAGE,
      ...(vm.absent > 0 && { present: (vm.pages - vm.absent) * KIB_PER_PAGE }),
      resident: vm.mapped * KIB_PER_PAGE,
      hostSwapped: vm.swapped * KIB_PER_PAGE,
      ...(vm.compressed + vm.patched > 0 && { compressed: (vm.compressed + vm.patched) * KIB_PER_PAGE }),
      ...(this.#shown.cold && { cold: this.#shown.cold.count(vm) * KIB_PER_PAGE }),
      ...(this.#shown.activity && { active: vm.active * KIB_PER_PAGE }),
      shares: vmShares(vm.settings.shares),
      canBalloon: vm.balloon !== undefined,
      migrating: false,
      stallUs: vm.pressure?.stallUs ?? 0,
      ...(guest && { guest }),
    };
  }

  #report(vm: VmMemory, nowUs: number): GuestReport | undefined {
    const { reportsEveryUs } = this.#shown;
    if (reportsEveryUs === undefined) return undefined;
    const last = this.#reports.get(vm);
    if (last !== undefined && nowUs < last.askedUs + reportsEveryUs) return last.report;
    const figures = vm.statistics?.report(nowUs);
    const report = figures && {
      atUs: figures.atUs,
      unused: figures.unused * KIB_PER_PAGE,
      available: figures.available * KIB_PER_PAGE,
      committed: figures.committed * KIB_PER_PAGE,
      reserved: figures.reserved * KIB_PER_PAGE,
      ...(figures.frontswap !== undefined && { frontswap: figures.frontswap * KIB_PER_PAGE }),
    };
    this.#reports.set(vm, { askedUs: nowUs, report });
    return report;
  }
}
