/**
 * Areas of a host's disk, by their first pages. They are as far apart as the largest disk that a machine may have: how they
 * lie on a disk is not known, and the head takes the mean from one to the other (machine/disk.ts). The VMM's swap space begins at page 0.
 */
export const AREA_PAGES = 2 ** 26;
/** dom0's swap device. */
export const DOM0_SWAP_PAGE = AREA_PAGES;
/** Metadata of the volume with the virtual disks. */
export const METADATA_PAGE = 2 * AREA_PAGES;
const FIRST_GUEST_AREA = 3;

/** Each guest has an area for files and one for its swap device. */
export function guestAreaPage(guest: number, swap: boolean): number {
  return (FIRST_GUEST_AREA + 2 * guest + (swap ? 1 : 0)) * AREA_PAGES;
}
