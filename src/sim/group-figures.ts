/** What VMs with something particular about them got done in the measured window, and what the others did, apart. */
import { groupOf, type VmGroup } from "../workload/vm-settings.ts";
import type { CellOutcome } from "./cell.ts";
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
  readonly #cyclesPerMs: number;
  /** Group of each VM that started. */
  readonly #groups: readonly number[];
  readonly #latencies = new Map<number, LatencyHistogram>();

  /** `vms`: how many started. */
  constructor(vms: number, groups: readonly VmGroup[], megahertz: number) {
    this.#cyclesPerMs = megahertz * 1000;
    this.#groups = Array.from({ length: vms }, (_, vm) => {
      const group = groupOf(groups, vm);
      return group === undefined ? OTHERS : groups.indexOf(group);
    });
    for (const group of [...new Set(this.#groups)].sort((a, b) => a - b)) {
      this.#latencies.set(group, new LatencyHistogram());
    }
  }

  /** A request of a VM is over; latency in cycles. */
  requestDone(vm: number, latency: number): void {
    this.#latencies.get(this.#groups[vm])?.add(latency);
  }

  beginWindow(): void {
    for (const latencies of this.#latencies.values()) latencies.clear();
  }

  /** One row a group; the latencies of one that has completed no request are 0. */
  table(windowMs: number): NonNullable<CellOutcome["groups"]> {
    return {
      columns: GROUP_COLUMNS,
      rows: [...this.#latencies].map(([group, latencies]) => this.#row(group, latencies, windowMs)),
    };
  }

  #row(group: number, latencies: LatencyHistogram, windowMs: number): readonly number[] {
    const { count, sum } = latencies;
    const vms = this.#groups.filter((one) => one === group).length;
    const throughput = windowMs > 0 ? (1000 * count) / windowMs : 0;
    const figures = count === 0 ? [0, 0, 0] : [sum / count, latencies.quantile(0.5), latencies.quantile(0.99)];
    return [group, vms, count, throughput, ...figures.map((cycles) => cycles / this.#cyclesPerMs)];
  }
}
