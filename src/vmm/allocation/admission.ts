/** Admission control of ESX (Waldspurger 2002, section 5.4). */

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

/** Machine memory that each VM starts with, pages: its reservation, and of what is left a part by configured size. */
export function startingPages(vms: readonly Admissible[], free: number): readonly number[] {
  const asked = vms.reduce((sum, { pages }) => sum + pages, 0);
  const byParts = vms.map(({ pages }) => Math.min(pages, Math.floor((free * pages) / asked)));
  if (vms.every(({ reservation }, i) => reservation <= byParts[i])) return byParts;
  const reserved = vms.reduce((sum, { reservation }) => sum + reservation, 0);
  const rest = Math.min(1, (free - reserved) / Math.max(1, asked - reserved));
  return vms.map(({ pages, reservation }) => reservation + Math.floor((pages - reservation) * rest));
}
