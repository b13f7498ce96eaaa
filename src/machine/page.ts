/** A page of memory: the unit of every page table, IA-32's and x86-64's alike. */
export const PAGE_BYTES = 4096;
export const KIB_PER_PAGE = PAGE_BYTES / 2 ** 10;
export const PAGES_PER_MIB = 2 ** 20 / PAGE_BYTES;
export const MIB_PER_GIB = 1024;

/** What moving some bytes costs, from the cost of a whole page. */
export function copyCost(bytes: number, wholePage: number): number {
  return Math.round((bytes * wholePage) / PAGE_BYTES);
}
