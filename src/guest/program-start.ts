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

/** Pages of the data that are written before any is read; the kernel has written the first. */
const WRITTEN_FIRST = 3;

/** Until the data that is relocated becomes read-only: a read maps what else the file has there, of which half is copied later. */
export function visitsOfRelocation({ start, end }: Region): Visit[] {
  const read = Math.min(start + WRITTEN_FIRST, end);
  const copied = Math.min(read + ((end - read) >> 1), end);
  return [...visits(start, read, true), ...visits(read, Math.min(read + 1, end), false), ...visits(read, copied, true)];
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
