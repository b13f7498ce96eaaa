/**
 * What a program does to its private pages before it is up, where its data is mapped from its file: in which order it reads
 * and writes them decides which are copied, and how often a page faults. Counted by single steps through two static programs
 * of glibc 2.36, the one of docs/kernel-operations and the shell of busybox 1.35, with a look at /proc/pid/pagemap after each.
 */
import type { Region } from "./regions.ts";

/** A page that is visited, and whether it is written. */
export interface Visit {
  readonly page: number;
  readonly write: boolean;
}

/**
 * Until the data that is relocated becomes read-only, its first `relocated` pages. The kernel has written the last page. The one
 * before it and the last of those that are relocated are written; a read maps what else the file has there; the pages on
 * either side of those that were written, of which both programs have two, are copied later. The others are only read.
 */
export function visitsOfRelocation({ start, end }: Region, relocated: number): Visit[] {
  const last = start + relocated - 1;
  const all = [
    { page: end - 2, write: true },
    { page: last, write: true },
    { page: start, write: false },
    { page: last - 1, write: true },
    { page: last + 1, write: true },
  ];
  return all.filter(({ page }) => page >= start && page < end);
}

/** All of a region, once more; of data without contents the latter half is read before it is written. */
export function visitsOfRegion({ start, end, kind, writable, ofFile }: Region, isBss: boolean): Visit[] {
  if (kind === "special") return [];
  const middle = isBss ? end - ((end - start) >> 1) : end;
  const write = writable && ofFile === undefined;
  return [...visits(start, middle, write), ...visits(middle, end, false), ...visits(middle, end, write)];
}

function visits(from: number, to: number, write: boolean): Visit[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ page: from + i, write }));
}
