/** The guest of the balloon measurement as it is when the job begins: Debian 12 with Linux 6.1, its services idle. */
import type { GuestShape } from "../../../workload/compiled-workload.ts";

export interface GuestSize {
  readonly guest: MeasuredGuest;
  readonly bootedMib: number;
  /** Less than bootedMib: the balloon takes the rest before the job begins. */
  readonly balloonedToMib: number;
}

export const PAGES_PER_MIB = 256;
const KIB_PER_PAGE = 4;

/** Kernel image and what else is reserved at boot whatever the size: difference of memory and MemTotal, less the tables. */
const RESERVED_KIB = 34_052;
/** A page of struct page for 64 pages, in sections of 128 MiB (SPARSEMEM_VMEMMAP). */
const SECTION_MIB = 128;
const SECTION_MAP_KIB = 2048;
/** Dentry and inode hash tables: 8 bytes a bucket, a bucket for 2 and for 4 pages, rounded up to a power of two. */
const BUCKET_BYTES = 8;

/** MemTotal of a guest booted with so much memory: as measured to the KiB at 128, 160, 192 and 256 MiB. */
export function memTotalKib(mib: number): number {
  const pages = mib * PAGES_PER_MIB;
  const buckets = powerOfTwo(pages / 2) + powerOfTwo(pages / 4);
  return mib * 1024 - RESERVED_KIB - SECTION_MAP_KIB * Math.ceil(mib / SECTION_MIB) - (BUCKET_BYTES * buckets) / 1024;
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/**
 * What a guest holds before the job, from its /proc/meminfo: kernel memory (slab, page tables, stacks and what has no name there),
 * page cache that is still mapped after the caches have been dropped, anonymous memory of its services.
 */
export interface MeasuredGuest {
  readonly kernelPages: number;
  /** By control group. */
  readonly cachedPages: readonly number[];
  readonly servicePages: readonly number[];
  /** Processes of the start-up that end during the job; when a balloon has been inflated first, they end before memory is short. */
  readonly startingPages: number;
}

/**
 * Control groups with anonymous memory in the guest that measured again, and their pages (memory.stat, docs/balloon-job): the root, to
 * which what was used before there were others is charged, init, udev, journald, sshd, rsyslogd, dbus, cron, getty. The other guest runs
 * the same services.
 */
const GROUP_PAGES = [334, 315, 291, 252, 328, 256, 121, 62, 35];
/** Pages of files charged to each, after the caches have been dropped. */
const GROUP_FILES = [2500, 37, 198, 306, 838, 289, 215, 12, 171];
export const SERVICES = GROUP_PAGES.length;

/** So many pages, divided in these proportions. */
function divide(pages: number, parts: readonly number[]): readonly number[] {
  const all = parts.reduce((sum, each) => sum + each, 0);
  return parts.map((each) => Math.round((each * pages) / all));
}

/** The guest of balloon-measured.json. */
export const FIRST_GUEST: MeasuredGuest = {
  kernelPages: 9800,
  cachedPages: divide(4940, GROUP_FILES),
  servicePages: divide(1960, GROUP_PAGES),
  startingPages: 845,
};

/** The guest of balloon-repeated.json: medians of its runs. */
export const SECOND_GUEST: MeasuredGuest = {
  kernelPages: 8860,
  cachedPages: divide(5375, GROUP_FILES),
  servicePages: divide(2087, GROUP_PAGES),
  startingPages: 928,
};

/** Kernel memory of the processes of the start-up. */
export const STARTING_KERNEL_PAGES = 200;
/** Logical anonymous pages of each process: the benchmark's, then the compiler's, then those of short processes. */
export const COMPILER_AT = 16_384;
export const SHORT_AT = COMPILER_AT + 4096;
export const ANONYMOUS_PAGES = SHORT_AT + 4096;
/** Workers of udev, in its control group: it had 857 pages more when booted than after a balloon had been inflated. */
const UDEV = 3;
export const STARTING_AT = UDEV * ANONYMOUS_PAGES + SHORT_AT;

/** The files that are read over and over. */
export const FILE_PAGES = 13_568;
/** The files of the other programs and headers: with cc1's, what the guest reads for the compilers at 256 MiB. */
const TOOL_PAGES = 1_200;

/** Files of the guest: those that services map, of which there is room for so many pages, those that are read, other programs, the compiler. */
export const DATA_AT = 8192;
export const TOOLS_AT = DATA_AT + FILE_PAGES;
export const COMPILER_FILES_AT = TOOLS_AT + TOOL_PAGES;

/** Everything is taken after the boot; what the kernel has reserved is not among the pages that a guest manages. */
export function guestShape({ bootedMib, guest }: GuestSize, filePages: number): GuestShape {
  const memoryPages = bootedMib * PAGES_PER_MIB;
  return {
    memoryPages,
    kernelPages: Math.ceil(memoryPages - memTotalKib(bootedMib) / KIB_PER_PAGE) + guest.kernelPages,
    processes: SERVICES + 1,
    anonymousPages: ANONYMOUS_PAGES,
    residentAnonymousPages: 0,
    filePages,
    residentFilePages: 0,
    swapPages: 256 * PAGES_PER_MIB,
    threads: 1,
  };
}
