/** What each VM got done in the measured window, for hosts whose VMs are not alike. */
import { jainIndex } from "../core/jain-index.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import type { FigureTable } from "./cell.ts";
import type { HostGuest } from "./host-guest.ts";

export const VM_COLUMNS = [
  "vm",
  "cpu_ms",
  "requests_done",
  "throughput_rps",
  "latency_mean_ms",
  "latency_sd_ms",
] as const;

/** One more where a VM says when a response is good. */
const GOOD_COLUMN = "requests_good";

/** VMs that have different work or settings have figures of their own. */
export function vmsDiffer(workloads: readonly CompiledWorkload[]): boolean {
  return workloads.some(
    ({ name, guest, diskShares, startUs }) =>
      name !== workloads[0].name ||
      guest.cpu !== undefined ||
      guest.memory !== undefined ||
      diskShares !== undefined ||
      startUs !== undefined,
  );
}

export class VmFigures {
  readonly #guests: readonly HostGuest[];
  readonly #cyclesPerMs: number;
  readonly #done: Float64Array;
  readonly #good: Float64Array;
  /** Sums of latencies and of their squares, ms. */
  readonly #latency: Float64Array;
  readonly #squares: Float64Array;
  readonly #cyclesAtStart: Float64Array;

  /** `most`: so many guests there may be in the end. */
  constructor(guests: readonly HostGuest[], megahertz: number, most: number) {
    this.#guests = guests;
    this.#cyclesPerMs = megahertz * 1000;
    this.#done = new Float64Array(most);
    this.#good = new Float64Array(most);
    this.#latency = new Float64Array(most);
    this.#squares = new Float64Array(most);
    this.#cyclesAtStart = new Float64Array(most);
  }

  /** A request of a VM is over; latency in cycles. */
  requestDone(vm: number, latency: number): void {
    const ms = latency / this.#cyclesPerMs;
    this.#done[vm]++;
    this.#latency[vm] += ms;
    this.#squares[vm] += ms * ms;
    // In whole numbers: one that takes just as long as it may is good.
    if (1000 * latency <= (this.#guests[vm].goodUs ?? Infinity) * this.#cyclesPerMs) this.#good[vm]++;
  }

  beginWindow(): void {
    for (const sums of [this.#done, this.#good, this.#latency, this.#squares]) sums.fill(0);
    this.#guests.forEach(({ cyclesRun }, vm) => {
      this.#cyclesAtStart[vm] = cyclesRun;
    });
  }

  /** Of the VMs that started, where all are given the same work. */
  get jainRequests(): number {
    return jainIndex([...this.#done.subarray(0, this.#guests.length)]);
  }

  /** One row a VM; a VM that has completed no request has latency 0. */
  table(windowMs: number): FigureTable {
    const rows = this.#guests.map((guest, vm) => this.#row(guest, vm, windowMs));
    if (this.#guests.every(({ goodUs }) => goodUs === undefined)) return { columns: VM_COLUMNS, rows };
    return { columns: [...VM_COLUMNS, GOOD_COLUMN], rows: rows.map((row, vm) => [...row, this.#good[vm]]) };
  }

  #row({ cyclesRun, number }: HostGuest, vm: number, windowMs: number): readonly number[] {
    const done = this.#done[vm];
    const mean = done > 0 ? this.#latency[vm] / done : 0;
    const variance = done > 1 ? Math.max(0, (this.#squares[vm] - done * mean * mean) / (done - 1)) : 0;
    const cpuMs = (cyclesRun - this.#cyclesAtStart[vm]) / this.#cyclesPerMs;
    return [number, cpuMs, done, windowMs > 0 ? (1000 * done) / windowMs : 0, mean, Math.sqrt(variance)];
  }
}
