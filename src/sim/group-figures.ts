/** What VMs with something particular about them got done in the measured window, and what the others did, apart. */
import { groupOf, type VmGroup } from "../workload/vm-settings.ts";
import type { FigureTable } from "./cell.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** `group`: number of the group in the settings of the cell; -1: the VMs of which they say nothing. `vms`: those that started. */
const GROUP_COLUMNS = [
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
  /** Group of each VM, by its number. */
  readonly #groups: readonly number[];
  readonly #latencies = new Map<number, LatencyHistogram>();

  /** `vms`: how many were asked for. */
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

  /** A request of a VM, by its number, is over; latency in cycles. */
  requestDone(vm: number, latency: number): void {
    this.#latencies.get(this.#groups[vm])?.add(latency);
  }

  beginWindow(): void {
    for (const latencies of this.#latencies.values()) latencies.clear();
  }

  /** One row a group of which a VM started, of the VMs with these numbers; latencies are 0 where no request was completed. */
  table(windowMs: number, started: readonly number[]): FigureTable {
    const groups = started.map((vm) => this.#groups[vm]);
    const rows = [...this.#latencies].flatMap(([group, latencies]) => {
      const vms = groups.filter((one) => one === group).length;
      return vms === 0 ? [] : [this.#row(group, vms, latencies, windowMs)];
    });
    return { columns: GROUP_COLUMNS, rows };
  }

  #row(group: number, vms: number, latencies: LatencyHistogram, windowMs: number): readonly number[] {
    const { count, sum } = latencies;
    const throughput = windowMs > 0 ? (1000 * count) / windowMs : 0;
    const figures = count === 0 ? [0, 0, 0] : [sum / count, latencies.quantile(0.5), latencies.quantile(0.99)];
    return [group, vms, count, throughput, ...figures.map((cycles) => cycles / this.#cyclesPerMs)];
  }
}
