/** How many free pages a guest kernel keeps, by the memory it manages. */
import { KIB_PER_PAGE } from "../machine/page.ts";
import type { KernelName } from "../machine/profile.ts";

/** Free pages, in order: only reclaim itself may go below the first; reclaim begins at the second and ends at the third. */
export interface Watermarks {
  readonly minimum: number;
  readonly low: number;
  readonly high: number;
  /** Of each: what is held back in a zone for those who can use no other, and no mark of any zone. */
  readonly reserve: number;
}

/** Linux 2.4, mm/page_alloc.c: pages_min is a zone's size / 128 within 20 and 255; low and high are 2 and 3 times that. */
const RATIO = 128;
const LEAST = 20;
const MOST = 255;
/** Linux 6.1, mm/page_alloc.c: min_free_kbytes is the root of 16 times the memory in KiB, within 128 and 262,144. */
const LEAST_KIB = 128;
const MOST_KIB = 262_144;
/** Memory below 16 MiB is a zone of its own on x86; vm.lowmem_reserve_ratio: of the rest one page in 256 is held back there. */
const DMA_ZONE_PAGES = 4096;
const RESERVE_RATIO = 256;
/** vm.watermark_scale_factor: least distance between watermarks, in 10,000ths of memory. */
const SCALE_FACTOR = 10;

/** `managed`: pages that the kernel hands out, those of its image and its tables not among them. */
export function watermarks(kernel: KernelName, managed: number): Watermarks {
  if (kernel === "linux-2.4") {
    const minimum = Math.min(MOST, Math.max(Math.min(LEAST, managed >> 3), Math.floor(managed / RATIO)));
    return { minimum, low: 2 * minimum, high: 3 * minimum, reserve: 0 };
  }
  const kib = Math.floor(Math.sqrt(16 * managed * KIB_PER_PAGE));
  const minimum = Math.floor(Math.min(MOST_KIB, Math.max(LEAST_KIB, kib)) / KIB_PER_PAGE);
  const distance = Math.max(minimum >> 2, Math.floor((managed * SCALE_FACTOR) / 10_000));
  const reserve = Math.floor(Math.max(0, managed - DMA_ZONE_PAGES) / RESERVE_RATIO);
  return {
    minimum: minimum + reserve,
    low: minimum + distance + reserve,
    high: minimum + 2 * distance + reserve,
    reserve,
  };
}

/** Marks of a zone that has such a share of the memory, for whoever nothing is held back from. */
export function zoneMarks(marks: Watermarks, share: number): Watermarks {
  const minimum = Math.round((marks.minimum - marks.reserve) * share);
  const distance = Math.round((marks.low - marks.minimum) * share);
  return { minimum, low: minimum + distance, high: minimum + 2 * distance, reserve: 0 };
}
