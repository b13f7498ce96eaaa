/** The guest of the balloon measurement as it is when the job begins: Debian 12 with Linux 6.1, its services idle. */
import { KIB_PER_PAGE, PAGES_PER_MIB } from "../../../machine/page.ts";
import { sum } from "../../../core/sum.ts";
import type { GuestShape } from "../../../workload/compiled-workload.ts";

export interface GuestSize {
  readonly guest: MeasuredGuest;
  readonly bootedMib: number;
  /** Less than bootedMib: the balloon takes the rest before the job begins. */
  readonly balloonedToMib: number;
}

/** Kernel image and what else is reserved at boot whatever the size: difference of memory and MemTotal, less the tables. */
const RESERVED_KIB = 34_052;
/** A page of struct page for 64 pages, in sections of 128 MiB (SPARSEMEM_VMEMMAP). */
const SECTION_MIB = 128;
const SECTION_MAP_KIB = 2048;
/** Dentry and inode hash tables: 8 bytes a bucket, a bucket for 2 and for 4 pages, rounded up to a power of two. */
const BUCKET_BYTES = 8;

/** MemTotal of a guest booted with so much memory: as measured to the KiB at every size from 88 to 384 MiB that was tried (docs/balloon-job). */
export function memTotalKib(mib: number): number {
  const pages = mib * PAGES_PER_MIB;
  const buckets = powerOfTwo(pages / 2) + powerOfTwo(pages / 4);
  return mib * 1024 - RESERVED_KIB - SECTION_MAP_KIB * Math.ceil(mib / SECTION_MIB) - (BUCKET_BYTES * buckets) / 1024;
}

/** Of MemTotal so much is freed after the kernel has set its watermarks: "Freeing initrd memory: 5624K" and others in its messages. */
const FREED_LATER_KIB = 14_204;

/** Pages that the kernel hands out when it sets its watermarks. */
export function pagesAtBoot(mib: number): number {
  return (memTotalKib(mib) - FREED_LATER_KIB) / KIB_PER_PAGE;
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/** What a control group holds, in pages: anonymous memory, and files on the inactive and on the active list. */
export interface GroupPages {
  readonly anonymous: number;
  readonly inactiveFiles: number;
  readonly activeFiles: number;
}

/**
 * What a guest holds before the job, from its /proc/meminfo: kernel memory (slab, page tables, stacks and what has no name there),
 * page cache that is still mapped after the caches have been dropped, anonymous memory of its services.
 */
export interface MeasuredGuest {
  readonly kernelPages: number;
  readonly cachedPages: number;
  readonly servicePages: number;
  /** Workers of udev that end during the job; when a balloon has been inflated first, they end before memory is short. */
  readonly startingPages: number;
  /** When they end, in nanoseconds of guest time after the job began. */
  readonly startingEndsAt: number;
}

/**
 * Control groups of the guest that measured again (memory.stat, docs/balloon-job); the other guest runs the same services. First that of the
 * job with its shell, then the root, to which what was used before there were others is charged, init, udev, journald, sshd, rsyslogd, dbus,
 * cron, getty.
 */
const GROUPS: readonly GroupPages[] = [
  { anonymous: 187, inactiveFiles: 232, activeFiles: 450 },
  { anonymous: 334, inactiveFiles: 567, activeFiles: 1901 },
  { anonymous: 315, inactiveFiles: 1, activeFiles: 1 },
  { anonymous: 291, inactiveFiles: 78, activeFiles: 37 },
  { anonymous: 252, inactiveFiles: 302, activeFiles: 4 },
  { anonymous: 328, inactiveFiles: 828, activeFiles: 11 },
  { anonymous: 256, inactiveFiles: 308, activeFiles: 1 },
  { anonymous: 121, inactiveFiles: 192, activeFiles: 0 },
  { anonymous: 62, inactiveFiles: 11, activeFiles: 0 },
  { anonymous: 35, inactiveFiles: 17, activeFiles: 1 },
];
/**
 * Those that have ended: the first has what udev runs, as the service that made it look for devices used it first, the others some of the C library
 * and of zlib. Their anonymous pages are files in memory that nobody maps, as Shmem less that of the others tells.
 */
const ENDED_GROUPS: readonly GroupPages[] = [
  { anonymous: 1, inactiveFiles: 155, activeFiles: 176 },
  { anonymous: 1, inactiveFiles: 0, activeFiles: 24 },
  { anonymous: 2, inactiveFiles: 5, activeFiles: 19 },
];
export const UDEV_PROGRAM = GROUPS.length;

/**
 * What a guest has more that has been idle for six seconds and has inflated its balloon: /proc/meminfo of one at 224 MiB against one just booted
 * (docs/balloon-job). A difference of 40 pages of anonymous memory is one that the runs have among themselves.
 */
const IDLE = { cachedPages: 171, kernelPages: 87 };

/** The guest as it is when the job begins. */
export function atStart({ guest, bootedMib, balloonedToMib }: GuestSize): MeasuredGuest {
  if (balloonedToMib === bootedMib) return guest;
  return {
    ...guest,
    cachedPages: guest.cachedPages + IDLE.cachedPages,
    kernelPages: guest.kernelPages + IDLE.kernelPages,
  };
}

/** What each group of a guest holds, those that have ended behind the others: as much as it holds, in the proportions of the table. */
export function groupsOf({ cachedPages, servicePages }: MeasuredGuest): readonly GroupPages[] {
  const all = [...GROUPS, ...ENDED_GROUPS];
  const anonymousShare = servicePages / sum(all.map(({ anonymous }) => anonymous));
  const fileShare = cachedPages / sum(all.map(({ inactiveFiles, activeFiles }) => inactiveFiles + activeFiles));
  return all.map(({ anonymous, inactiveFiles, activeFiles }) => ({
    anonymous: Math.round(anonymous * anonymousShare),
    inactiveFiles: Math.round(inactiveFiles * fileShare),
    activeFiles: Math.round(activeFiles * fileShare),
  }));
}

/** The guest of balloon-measured.json. Its workers of udev ended while the files were read, which took 3.8 s and more. */
export const FIRST_GUEST: MeasuredGuest = {
  kernelPages: 9800,
  cachedPages: 4940,
  servicePages: 1960,
  startingPages: 845,
  startingEndsAt: 3.8e9,
};

/** The guest of balloon-repeated.json: medians of its runs. */
export const SECOND_GUEST: MeasuredGuest = {
  kernelPages: 8860,
  cachedPages: 5375,
  servicePages: 2087,
  startingPages: 928,
  startingEndsAt: 4.9e9,
};

/**
 * Free pages of the DMA zone before the job, and free runs of 1, 2, 4 ... pages in blocks of unmovable and of reclaimable pages, of either zone
 * (/proc/pagetypeinfo and /proc/zoneinfo, docs/balloon-job). Guests of 144 MiB and more have them when their services have started; in
 * smaller ones, the services take pages of the DMA zone and of the kernel's blocks.
 */
export const LOWER_ZONE = { free: 3808, unmovable: [0, 0, 0, 0, 0, 1, 1, 1], reclaimable: [] };
export const UPPER_RUNS = {
  unmovable: [0, 47, 32, 21, 4, 1, 0, 0, 1, 0, 1],
  reclaimable: [14, 32, 18, 4, 4, 5, 1, 0, 1, 1],
};
/** Kernel memory of the processes of the start-up. */
export const STARTING_KERNEL_PAGES = 200;
/** Logical anonymous pages of each process: the benchmark's, then the compiler's, then those of short processes. */
export const COMPILER_AT = 16_384;
export const SHORT_AT = COMPILER_AT + 4096;
export const ANONYMOUS_PAGES = SHORT_AT + 4096;
/** Workers of udev, in its control group: it had 857 pages more when booted than after a balloon had been inflated. */
export const UDEV = 3;
export const STARTING_AT = UDEV * ANONYMOUS_PAGES + SHORT_AT;

/** The files that are read over and over. */
export const FILE_PAGES = 13_568;
/** What a compilation reads by system calls (pages added to the page cache, docs/balloon-job): headers, the source and what the file system says of them. */
const HEADER_PAGES = 335;
/** Room for the files of programs. */
const PROGRAM_PAGES = 1536;

/** Files of the guest: those that services map, of which there is room for so many pages, those that are read, other programs, the compiler. */
export const DATA_AT = 8192;
export const PROGRAMS_AT = DATA_AT + FILE_PAGES;
export const HEADERS_AT = PROGRAMS_AT + PROGRAM_PAGES;
export const COMPILER_FILES_AT = HEADERS_AT + HEADER_PAGES;

/** Everything is taken after the boot; what the kernel has reserved is not among the pages that a guest manages. */
export function guestShape(bootedMib: number, guest: MeasuredGuest, filePages: number): GuestShape {
  const memoryPages = bootedMib * PAGES_PER_MIB;
  return {
    memoryPages,
    kernelPages: Math.ceil(memoryPages - memTotalKib(bootedMib) / KIB_PER_PAGE) + guest.kernelPages,
    processes: GROUPS.length,
    endedGroups: ENDED_GROUPS.length,
    anonymousPages: ANONYMOUS_PAGES,
    residentAnonymousPages: 0,
    filePages,
    residentFilePages: 0,
    swapPages: 256 * PAGES_PER_MIB,
    // /sys/block/vdb/queue/rotational is 1: a virtio disk says nothing else (docs/balloon-job).
    swapRotates: true,
    threads: 1,
  };
}
