/** Where an overcommitted host takes the memory from that its guests are configured with and it does not have. */
import { sum } from "../core/sum.ts";
import type { CellResult } from "../sim/cell.ts";

/** Sources in the order in which charts stack them. */
export const MEMORY_SOURCES = [
  { key: "neverTouched", title: "never touched by the guests" },
  { key: "shared", title: "shared pages" },
  { key: "balloonFree", title: "balloon: free guest memory" },
  { key: "balloonCache", title: "balloon: guest page cache" },
  { key: "guestSwap", title: "balloon: guest swap" },
  { key: "hostSwap", title: "host swap" },
  { key: "notStarted", title: "VMs not started" },
] as const;
export type MemorySource = (typeof MEMORY_SOURCES)[number]["key"];

export interface MemorySources {
  /** MiB by source, mean over seeds and the measured window. */
  readonly mib: Readonly<Record<MemorySource, number>>;
  /** Configured memory that the host does not have, in MiB. */
  readonly missingMib: number;
}

/**
 * Split by source. A balloon holds what its guest gave up: first what the guest swapped out and dropped from its cache
 * since the uncommitted host, the rest was free in the guest.
 */
export function memorySources(cells: readonly CellResult[], uncommitted: readonly CellResult[]): MemorySources {
  const metric = (name: string, from = cells): number => meanMetric(from, name);
  const host = metric("host_memory_mib");
  const configured = host * (cells[0].spec.overcommit ?? 1);
  const admitted = metric("vms_configured") > 0 ? metric("vms_admitted") / metric("vms_configured") : 1;
  const [shared, hostSwap, ballooned] = [
    metric("memory_shared_saved_mib"),
    metric("memory_host_swapped_mib"),
    metric("memory_ballooned_mib"),
  ];
  const more = (name: string, sign: 1 | -1): number =>
    Math.max(0, sign * (metric(name) - metric(name, [...uncommitted])));
  const guestSwap = Math.min(ballooned, more("memory_guest_swapped_mib", 1));
  const balloonCache = Math.min(ballooned - guestSwap, more("memory_guest_cache_mib", -1));
  const held = Math.max(0, host - metric("memory_free_mib"));
  const mib: MemorySources["mib"] = {
    shared,
    hostSwap,
    guestSwap,
    balloonCache,
    balloonFree: ballooned - guestSwap - balloonCache,
    notStarted: configured * (1 - admitted),
    neverTouched: Math.max(0, configured * admitted - held - shared - hostSwap - ballooned),
  };
  return { mib, missingMib: Math.max(0, configured - host) };
}

function meanMetric(cells: readonly CellResult[], name: string): number {
  const values = cells.flatMap((cell) => cell.metrics[name] ?? []);
  return values.length === 0 ? 0 : sum(values) / values.length;
}
