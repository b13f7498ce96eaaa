/** Admission control of ESX (Waldspurger 2002, section 5.4). */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { MemoryDecision } from "../host-memory/memory-decision.ts";

export interface Admissible {
  /** Configured memory, and how much of it is reserved, pages. */
  readonly pages: number;
  readonly reservation: number;
}

/**
 * How many of the VMs, in their order, start. What a VM reserves must fit in the machine memory that is not reserved yet (what
 * the VMM needs for the VM comes on top of `free`), and the rest of its memory in swap space: without a place for it, a write
 * might find no frame and nobody to take one from.
 */
export function admittedVms(vms: readonly Admissible[], free: number, swapPages: number): number {
  let [reserved, swap] = [0, 0];
  for (const [i, { pages, reservation }] of vms.entries()) {
    // Without swap space at all, everything has to be reserved.
    reserved += swapPages === 0 ? pages : reservation;
    swap += pages - reservation;
    // Without a page to run in, nothing starts, whatever was promised.
    const fits = Math.max(reserved, 1) <= free && (swapPages === 0 || swap <= swapPages);
    if (!fits) return i;
  }
  return vms.length;
}

/** What is told of the first VM that does not start, and of those after it; `vm`: its place in `vms`. */
export function refusal(
  by: string,
  vms: readonly Admissible[],
  vm: number,
  free: number,
  swapPages: number,
): MemoryDecision {
  const asked = vms.slice(0, vm + 1);
  const sum = (of: (one: Admissible) => number): number => asked.reduce((total, one) => total + of(one), 0);
  const reserved = sum(({ pages, reservation }) => (swapPages === 0 ? pages : reservation));
  const fitsInMemory = Math.max(reserved, 1) <= free;
  const swap = { swap_needed_mib: sum(({ pages, reservation }) => pages - reservation) / PAGES_PER_MIB };
  return {
    by,
    rule: fitsInMemory ? "what is not reserved must fit in swap space" : "what is reserved must fit in memory",
    vm,
    action: "refuse",
    outcome: { refused_vms: vms.length - vm },
    inputs: {
      reserved_mib: reserved / PAGES_PER_MIB,
      free_mib: free / PAGES_PER_MIB,
      // Swap files grow with the VMs.
      ...(Number.isFinite(swapPages) && { ...swap, swap_space_mib: swapPages / PAGES_PER_MIB }),
    },
  };
}

/** Machine memory that each VM starts with, pages: its reservation, and of what is left a part by configured size. */
export function startingPages(vms: readonly Admissible[], free: number): readonly number[] {
  const asked = vms.reduce((sum, { pages }) => sum + pages, 0);
  const byParts = vms.map(({ pages }) => Math.min(pages, Math.floor((free * pages) / asked)));
  if (vms.every(({ reservation }, i) => reservation <= byParts[i])) return byParts;
  const reserved = vms.reduce((sum, { reservation }) => sum + reservation, 0);
  const rest = Math.min(1, (free - reserved) / Math.max(1, asked - reserved));
  return vms.map(({ pages, reservation }) => reservation + Math.floor((pages - reservation) * rest));
}
