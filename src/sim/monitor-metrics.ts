/** The figures of one run at monitor resolution. */
import { cause } from "../core/ledger.ts";
import type { Ledger } from "../core/ledger.ts";
import { TLB_MISS } from "../machine/page-walker.ts";
import type { MachineProfile } from "../machine/profile.ts";

const IDLE = cause("idle");
const WAITS = [cause("wait.disk"), cause("wait.network")];

/** What was counted in the measured part of a run; times in cycles. */
export interface MonitorCounts {
  readonly elapsed: number;
  readonly ledger: Ledger;
  readonly latencies: readonly number[];
  readonly pageFaults: number;
  /** Share of the guest's memory in use, 0 to 1: mean over the ends of requests. */
  readonly memoryUsed: number;
  readonly diskBusy: number;
  readonly networkBusy: number;
}

export function monitorMetrics(profile: MachineProfile, counts: MonitorCounts): Record<string, number> {
  const { elapsed, ledger, latencies } = counts;
  const milliseconds = (cycles: number): number => cycles / (profile.megahertz * 1000);
  const percent = (cycles: number): number => (elapsed === 0 ? 0 : (100 * cycles) / elapsed);
  const idle = ledger.cycles[IDLE];
  const waiting = WAITS.reduce((sum, wait) => sum + ledger.cycles[wait], 0);
  const figures: Record<string, number> = {
    elapsed_ms: milliseconds(elapsed),
    work_ms: milliseconds(elapsed - idle),
    requests_done: latencies.length,
    cpu_busy_percent: percent(elapsed - idle - waiting),
    disk_busy_percent: percent(counts.diskBusy),
    network_busy_percent: percent(counts.networkBusy),
    memory_used_percent: 100 * counts.memoryUsed,
    tlb_misses: ledger.events[TLB_MISS],
    guest_page_faults: counts.pageFaults,
  };
  if (latencies.length === 0 || elapsed === 0) return figures;
  const sorted = Float64Array.from(latencies).sort();
  const rank = (share: number): number => milliseconds(sorted[Math.ceil(share * sorted.length) - 1]);
  return {
    ...figures,
    throughput_rps: latencies.length / (milliseconds(elapsed) / 1000),
    latency_mean_ms: milliseconds(sorted.reduce((sum, latency) => sum + latency, 0) / sorted.length),
    latency_p50_ms: rank(0.5),
    latency_p99_ms: rank(0.99),
  };
}
