/** What VMs with something particular about them got done in the measured window, and what the others did, apart. */
import { groupOf, type VmGroup } from "../workload/vm-settings.ts";
import type { CellOutcome } from "./cell.ts";
import type { HostGuest } from "./host-guest.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** `group`: number of the group in the settings of the cell; -1: the VMs of which they say nothing. `vms`: those that started. */
export const GROUP_COLUMNS = [
  "group",
  "vms",
  "requests_done",
  "throughput_rps",
  "latency_mean_ms",
  "latency_p50_ms",
  "latency_p99_ms",
] as const;

const OTHERS = -1;

export class GroupFigures {
  readonly #guests: readonly HostGuest[];
  readonly #cyclesPerMs: number;
  /** Group of each VM that started. */
  readonly #groups: readonly number[];
  readonly #latencies = new Map<number, LatencyHistogram>();
  /** Requests done, by VM. */
  readonly #done: Float64Array;

  constructor(guests: readonly HostGuest[], groups: readonly VmGroup[], megahertz: number) {
    this.#guests = guests;
    this.#cyclesPerMs = megahertz * 1000;
    this.#groups = guests.map((_, vm) => {
      const group = groupOf(groups, vm);
      return group === undefined ? OTHERS : groups.indexOf(group);
    });
    for (const group of [...new Set(this.#groups)].sort((a, b) => a - b)) {
      this.#latencies.set(group, new LatencyHistogram());
    }
    this.#done = new Float64Array(guests.length);
  }

  /** A request of a VM is over; latency in cycles. */
  requestDone(vm: number, latency: number): void {
    this.#done[vm]++;
    this.#latencies.get(this.#groups[vm])?.add(latency);
  }

  beginWindow(): void {
    for (const latencies of this.#latencies.values()) latencies.clear();
    this.#done.fill(0);
  }

  /** One row a group; the latencies of one that has completed no request are 0. Times in cycles. */
  table(windowStart: number, now: number): NonNullable<CellOutcome["groups"]> {
    return {
      columns: GROUP_COLUMNS,
      rows: [...this.#latencies].map(([group, latencies]) => this.#row(group, latencies, windowStart, now)),
    };
  }

  #row(group: number, latencies: LatencyHistogram, windowStart: number, now: number): readonly number[] {
    const { count, sum } = latencies;
    const vms = this.#guests.flatMap((_, vm) => (this.#groups[vm] === group ? [vm] : []));
    const throughput = vms.reduce((total, vm) => total + this.#throughput(vm, windowStart, now), 0);
    const figures = count === 0 ? [0, 0, 0] : [sum / count, latencies.quantile(0.5), latencies.quantile(0.99)];
    return [group, vms.length, count, throughput, ...figures.map((cycles) => cycles / this.#cyclesPerMs)];
  }

  /** Requests a second; of a VM that works until its requests are done, while it had any. */
  #throughput(vm: number, windowStart: number, now: number): number {
    const { closedLoop, doneAt } = this.#guests[vm];
    const ms = ((closedLoop ? Math.min(now, doneAt) : now) - windowStart) / this.#cyclesPerMs;
    return ms > 0 ? (1000 * this.#done[vm]) / ms : 0;
  }
}
