/** Where the memory of each VM is, second by second. What a VM is configured with is the sum of its parts at any time. */
import { PAGES_PER_MIB } from "../machine/page.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { VmMemory } from "../vmm/host-memory/vm-memory.ts";

/** Parts of a VM's configured memory. Unbacked: nowhere, because nobody has used it yet or since it was given back. */
export const VM_PARTS = ["private", "shared", "ballooned", "compressed", "patched", "swapped", "unbacked"] as const;
export type VmPart = (typeof VM_PARTS)[number];

export const TIMELINE_COLUMNS = [
  "time_s",
  "host_state",
  "vm",
  "configured_mib",
  ...VM_PARTS.map((part) => `${part}_mib` as const),
  "target_mib",
  "active_mib",
  "frontswap_mib",
] as const;

/** Of a host: the last is there only where the VMM keeps pages of guests' swap devices, which come on top of configured memory. */
export function timelineColumns(rows: readonly TimelineRow[]): readonly string[] {
  return TIMELINE_COLUMNS.slice(0, rows[0]?.length ?? -1);
}

/** One row a VM and second, in the order of the columns; the state is empty on a host that has none. */
export type TimelineRow = readonly (number | string)[];

export class VmTimeline {
  readonly rows: TimelineRow[] = [];

  /** `state`: that of the host's free memory. */
  sample(timeS: number, memory: HostMemory, state: string): void {
    for (const vm of memory.vms) {
      const parts = partsOf(vm, memory);
      const pages = [vm.pages, ...VM_PARTS.map((part) => parts[part]), vm.size ?? vm.target, vm.active];
      if (memory.frontswap !== undefined) pages.push(vm.frontswapFrames);
      this.rows.push([timeS, state, vm.number, ...pages.map(toMib)]);
    }
  }
}

function partsOf(vm: VmMemory, { frames }: HostMemory): Readonly<Record<VmPart, number>> {
  let shared = 0;
  for (const place of vm.backing) if (place >= 0 && frames.isShared(place)) shared++;
  const { mapped, ballooned, compressed, patched, swapped } = vm;
  const unbacked = vm.pages - mapped - ballooned - compressed - patched - swapped;
  return { private: mapped - shared, shared, ballooned, compressed, patched, swapped, unbacked };
}

/** To the page: 1/256 MiB. */
function toMib(pages: number): number {
  return Math.round(pages) / PAGES_PER_MIB;
}
