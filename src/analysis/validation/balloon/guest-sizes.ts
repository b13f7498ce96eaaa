/** How small and how large the guest of the balloon measurement may be. */
import { watermarks } from "../../../guest/watermarks.ts";
import { KIB_PER_PAGE, PAGES_PER_MIB } from "../../../machine/page.ts";
import {
  atStart,
  type GuestSize,
  LOWER_ZONE,
  type MeasuredGuest,
  memTotalKib,
  pagesAtBoot,
  STARTING_KERNEL_PAGES,
} from "./measured-guest.ts";

/** More is not all in two zones: on a PC memory is mapped beyond 4 GiB then, and that is a third one. */
export const MOST_MIB = 3072;

/** Its kernel leaves the guest the DMA zone and as many pages as its low mark: with less, it had pages of that zone itself. */
function hasRoom(size: GuestSize): boolean {
  const { bootedMib, balloonedToMib } = size;
  const isBallooned = balloonedToMib < bootedMib;
  const balloon = (bootedMib - balloonedToMib) * PAGES_PER_MIB;
  const kernel = atStart(size).kernelPages + (isBallooned ? 0 : STARTING_KERNEL_PAGES);
  const left = memTotalKib(bootedMib) / KIB_PER_PAGE - balloon - kernel;
  return left >= LOWER_ZONE.free + watermarks("linux-6.1", pagesAtBoot(bootedMib)).low;
}

/** The least size with which a guest can boot and run the job, in MiB. */
export function leastBooted(guest: MeasuredGuest): number {
  let mib = 1;
  while (!hasRoom({ guest, bootedMib: mib, balloonedToMib: mib })) mib++;
  return mib;
}

/** The least size to which a guest can be ballooned, and still run the job, in MiB; `bootedMib` itself where that is the only one. */
export function leastBallooned(guest: MeasuredGuest, bootedMib: number): number {
  let mib = bootedMib;
  while (hasRoom({ guest, bootedMib, balloonedToMib: mib - 1 })) mib--;
  return mib;
}
