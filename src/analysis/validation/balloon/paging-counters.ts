/** What Linux counts of its paging. */
import type { BalancedReclaim } from "../../../guest/balanced-reclaim.ts";
import type { GuestMemory } from "../../../guest/memory-manager.ts";

/** As the guest kernel counts them, in /proc/vmstat. */
export interface PagingCounters {
  readonly pgmajfault: number;
  readonly pswpin: number;
  readonly pswpout: number;
  readonly pgscan: number;
  readonly pgsteal: number;
  readonly workingset_refault_anon: number;
  readonly workingset_refault_file: number;
  readonly workingset_activate_anon: number;
  readonly workingset_activate_file: number;
}

export const COUNTERS: readonly (keyof PagingCounters)[] = [
  "pgmajfault",
  "pswpin",
  "pswpout",
  "pgscan",
  "pgsteal",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
];

/** What the guest has counted so far. */
export function countPaging(
  { anonymous, cache }: GuestMemory,
  { lru, scanned, stolen }: BalancedReclaim,
): PagingCounters {
  return {
    pgmajfault: anonymous.majorFaults + cache.majorFaults,
    pswpin: anonymous.swapIns,
    pswpout: anonymous.swapOuts,
    pgscan: scanned,
    pgsteal: stolen,
    workingset_refault_anon: lru.anonymous.refaults,
    workingset_refault_file: lru.files.refaults,
    workingset_activate_anon: lru.anonymous.activations,
    workingset_activate_file: lru.files.activations,
  };
}

export function difference(later: PagingCounters, earlier: PagingCounters): PagingCounters {
  const entries = Object.entries(later) as [keyof PagingCounters, number][];
  return Object.fromEntries(entries.map(([name, count]) => [name, count - earlier[name]])) as Record<
    keyof PagingCounters,
    number
  >;
}
