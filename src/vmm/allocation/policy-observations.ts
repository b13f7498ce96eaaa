/** What a policy sees of a simulated host: the host as it is now, each guest as it was at its last report. */
import { KIB_PER_PAGE } from "../../machine/page.ts";
import { DOM0 } from "../driver-domain.ts";
import type { HostMemory } from "../host-memory.ts";
import { type GuestReport, type Observations, sumOf, type VmObservations } from "../memory/policies/policy-contract.ts";
import type { VmMemory } from "../vm-memory.ts";
import type { ColdPages } from "./cold-pages.ts";
import type { VmsByName } from "./policy-actions.ts";

/** Every VM has the same: the default of Proxmox VE, where only ratios matter. */
const SHARES = 1000;

export interface ViewParameters {
  readonly minimumPercent: number;
  readonly statisticsPeriodSeconds: number;
}

export class HostView implements VmsByName {
  readonly #memory: HostMemory;
  readonly #parameters: ViewParameters;
  readonly #hasSwapSpace: boolean;
  readonly #cold: ColdPages | undefined;
  readonly #showsDom0: boolean;
  readonly #reports = new Map<VmMemory, { readonly askedUs: number; readonly report: GuestReport | undefined }>();
  readonly #names = new Map<string, VmMemory>();

  /** `cold`: only for a policy that asks how old pages are, for looking at that has its price. */
  constructor(
    memory: HostMemory,
    parameters: ViewParameters,
    hasSwapSpace: boolean,
    showsDom0: boolean,
    cold?: ColdPages,
  ) {
    this.#cold = cold;
    this.#showsDom0 = showsDom0;
    this.#memory = memory;
    this.#parameters = parameters;
    this.#hasSwapSpace = hasSwapSpace;
  }

  vmNamed(name: string): VmMemory | undefined {
    return this.#names.get(name);
  }

  observe(nowUs: number): Observations {
    const { frames, vms, swapIns, swapOuts, slots } = this.#memory;
    const running = vms.filter(({ evicted }) => !evicted);
    return {
      host: {
        total: frames.forVms * KIB_PER_PAGE,
        free: frames.free * KIB_PER_PAGE,
        // The model's host has no page cache, and its frames are clean as soon as they are free.
        reclaimable: 0,
        scrubbing: 0,
        reserved: 0,
        // Where nothing else is set, as large as it must be for every VM to fit.
        swapTotal: this.#hasSwapSpace
          ? Math.min(
              slots.capacity,
              sumOf(vms, ({ pages }) => pages),
            ) * KIB_PER_PAGE
          : 0,
        swapUsed: sumOf(running, ({ swapped }) => swapped) * KIB_PER_PAGE,
        swappedInPages: swapIns,
        swappedOutPages: swapOuts,
      },
      vms: [...this.#observeDom0(nowUs), ...running.map((vm) => this.#observeVm(`vm${vm.number}`, vm, nowUs))],
    };
  }

  /** Whoever manages it has a minimum of its own for it. */
  #observeDom0(nowUs: number): VmObservations[] {
    const { driverDomain } = this.#memory;
    if (!this.#showsDom0 || driverDomain === undefined) return [];
    const { vm, fixed } = driverDomain;
    return [{ ...this.#observeVm(DOM0, vm, nowUs), minimum: 0, fixedSize: fixed }];
  }

  #observeVm(name: string, vm: VmMemory, nowUs: number): VmObservations {
    this.#names.set(name, vm);
    // A VM has the size that it came up with until it is given another.
    vm.size ??= vm.pages - vm.ballooned;
    vm.least = Math.ceil((vm.pages * this.#parameters.minimumPercent) / 100);
    const guest = this.#report(vm, nowUs);
    return {
      name,
      actual: (vm.pages - vm.ballooned) * KIB_PER_PAGE,
      target: vm.size * KIB_PER_PAGE,
      minimum: vm.least * KIB_PER_PAGE,
      maximum: vm.pages * KIB_PER_PAGE,
      ...(vm.absent > 0 && { present: (vm.pages - vm.absent) * KIB_PER_PAGE }),
      resident: vm.mapped * KIB_PER_PAGE,
      hostSwapped: vm.swapped * KIB_PER_PAGE,
      ...(this.#cold && { cold: this.#cold.count(vm, nowUs) * KIB_PER_PAGE }),
      shares: SHARES,
      canBalloon: vm.balloon !== undefined,
      migrating: false,
      stallUs: vm.pressure?.stallUs ?? 0,
      ...(guest && { guest }),
    };
  }

  #report(vm: VmMemory, nowUs: number): GuestReport | undefined {
    const last = this.#reports.get(vm);
    if (last !== undefined && nowUs < last.askedUs + this.#parameters.statisticsPeriodSeconds * 1e6) return last.report;
    const figures = vm.statistics?.report(nowUs);
    const report = figures && {
      atUs: figures.atUs,
      unused: figures.unused * KIB_PER_PAGE,
      available: figures.available * KIB_PER_PAGE,
      committed: figures.committed * KIB_PER_PAGE,
      reserved: figures.reserved * KIB_PER_PAGE,
    };
    this.#reports.set(vm, { askedUs: nowUs, report });
    return report;
  }
}
