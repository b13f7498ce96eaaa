/** What a host simulation shows: a row a second, and figures over the measured window. */
import type { Ledger } from "../core/ledger.ts";
import { PAGES_PER_MIB } from "../machine/page.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import type { VmGroup } from "../workload/vm-settings.ts";
import { AllocationDynamics } from "./allocation-dynamics.ts";
import type { CellOutcome, FigureTable } from "./cell.ts";
import { COUNTERS, type CountedHost, type Counters, countersOf, RARE_COUNTERS } from "./host-counters.ts";
import type { HostGuest } from "./host-guest.ts";
import { GroupFigures } from "./group-figures.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { MemoryFairness } from "./memory-fairness.ts";
import { VmFigures, vmsDiffer } from "./vm-figures.ts";
import type { VmStarts } from "./vm-starts.ts";

const MEMORY_COLUMNS = [
  "memory_free_mib",
  "memory_private_mib",
  "memory_shared_mib",
  "memory_overhead_mib",
  "memory_shared_saved_mib",
  "memory_ballooned_mib",
  "memory_compressed_mib",
  "memory_host_swapped_mib",
  "memory_guest_swapped_mib",
  "memory_guest_cache_mib",
  "memory_guest_used_mib",
] as const;
/** One more where the VMM keeps pages of guests' swap devices: in frames that are not among its own. */
const FRONTSWAP_COLUMN = "memory_frontswap_mib";
const FIRST_MEMORY_COLUMN = 1;
/** Of each VM, where VMs differ in work or settings: machine memory it has, is granted, and is taken to use. */
const VM_COLUMNS: Readonly<Record<string, (vm: VmMemory) => number>> = {
  machine_mib: ({ machine }) => machine,
  target_mib: ({ target }) => target,
  active_mib: ({ active }) => active,
};

/** Significant digits of figures that are means of samples. */
const DIGITS = 6;

export interface ObservedHost extends CountedHost {
  readonly profile: MachineProfile;
  readonly ledger: Ledger;
  /** Of the VMs that were asked for. Where they differ in work or settings, each has figures of its own. */
  readonly workloads: readonly CompiledWorkload[];
  /** VMs with something particular about them; undefined: none has. */
  readonly groups: readonly VmGroup[] | undefined;
  /** VMs that have come up while the host ran. */
  readonly starts: Pick<VmStarts, "started" | "delayUs">;
}

export class HostObserver {
  readonly #host: ObservedHost;
  readonly #latencies = new LatencyHistogram();
  readonly #vmsDiffer: boolean;
  /** VMs do the same work, whatever is set for them. */
  readonly #equalWork: boolean;
  readonly #vms: VmFigures;
  readonly #groups: GroupFigures | undefined;
  readonly #dynamics: AllocationDynamics;
  readonly #fairness: MemoryFairness;
  readonly #memoryColumns: readonly string[];
  readonly #rows: number[][] = [];
  #doneThisSecond = 0;
  #windowStart = 0;
  #countersAtStart: Counters;
  #cyclesAtStart: Readonly<Record<string, number>> = {};
  #eventsAtStart: Readonly<Record<string, number>> = {};

  constructor(host: ObservedHost) {
    this.#host = host;
    const { guests, groups, profile, workloads } = host;
    this.#vmsDiffer = groups !== undefined || vmsDiffer(workloads);
    this.#equalWork = workloads.every(({ name }) => name === workloads[0].name);
    this.#vms = new VmFigures(guests, profile.megahertz, workloads.length);
    this.#groups = groups && new GroupFigures(workloads.length, groups, profile.megahertz);
    this.#memoryColumns = host.memory.frontswap === undefined ? MEMORY_COLUMNS : [...MEMORY_COLUMNS, FRONTSWAP_COLUMN];
    this.#dynamics = new AllocationDynamics(host.memory);
    this.#fairness = new MemoryFairness(host.memory);
    this.#countersAtStart = countersOf(this.#host);
  }

  /** A request of a VM is over; latency in cycles. */
  requestDone(vm: number, latency: number): void {
    this.#latencies.add(latency);
    this.#vms.requestDone(vm, latency);
    this.#groups?.requestDone(this.#host.guests[vm].number, latency);
    this.#doneThisSecond++;
  }

  /** The measured window begins; the ledger has been brought up to date. */
  beginWindow(now: number): void {
    this.#windowStart = now;
    this.#latencies.clear();
    this.#vms.beginWindow();
    this.#groups?.beginWindow();
    this.#dynamics.beginWindow();
    this.#fairness.beginWindow();
    this.#countersAtStart = countersOf(this.#host);
    this.#cyclesAtStart = this.#host.ledger.cyclesByCause();
    this.#eventsAtStart = this.#host.ledger.eventsByCause();
  }

  /** A second is over. */
  sample(now: number): void {
    const time = now / (this.#host.profile.megahertz * 1e6);
    this.#rows.push([time, ...this.#memoryMib(), this.#doneThisSecond, ...this.#vmMib()]);
    this.#doneThisSecond = 0;
    this.#dynamics.sample();
    this.#fairness.sample();
  }

  /** The run is over; the ledger has been brought up to date. */
  outcome(now: number): CellOutcome {
    const { ledger, profile } = this.#host;
    if (this.#rows.length === 0) this.sample(now);
    const cycles = difference(ledger.cyclesByCause(), this.#cyclesAtStart);
    const windowMs = (now - this.#windowStart) / (profile.megahertz * 1000);
    const busyShare = 1 - (cycles.idle ?? 0) / Math.max(1, profile.cores * (now - this.#windowStart));
    return {
      metrics: {
        elapsed_ms: windowMs,
        work_ms: busyShare * windowMs,
        ...this.#requestMetrics(windowMs),
        cpu_busy_percent: 100 * busyShare,
        ...this.#counterMetrics(now - this.#windowStart, busyShare),
        ...this.#memoryMetrics(),
        vms_configured: this.#host.workloads.length,
        vms_admitted: this.#host.guests.length,
        ...this.#startMetrics(),
        ...this.#evictions(),
        ...this.#steadiness(),
        host_memory_mib: this.#host.memory.frames.forVms / PAGES_PER_MIB,
        ...this.#dom0(),
      },
      cycles,
      events: difference(ledger.eventsByCause(), this.#eventsAtStart),
      ...(this.#vmsDiffer ? { vms: this.#vms.table(windowMs) } : {}),
      ...(this.#groups && {
        groups: this.#groups.table(
          windowMs,
          this.#host.guests.map(({ number }) => number),
        ),
      }),
      series: this.#series(),
    };
  }

  /** A VM that came up late has nothing before. */
  #series(): FigureTable {
    const columns = ["time_s", ...this.#memoryColumns, "throughput_rps", ...this.#vmColumns()];
    const rows = this.#rows.map((row) => [...row, ...Array<number>(columns.length - row.length).fill(0)]);
    return { columns, rows };
  }

  /** Absent where all VMs were there from the beginning. */
  #startMetrics(): Record<string, number> {
    const { started, delayUs } = this.#host.starts;
    return started > 0 ? { start_delay_mean_ms: delayUs / started / 1000 } : {};
  }

  /** Absent where nobody has been moved away: most policies never do that. */
  #evictions(): Record<string, number> {
    const evicted = this.#host.memory.vms.filter((vm) => vm.evicted).length;
    return evicted > 0 ? { vms_evicted: evicted } : {};
  }

  /** What dom0 has at the end; absent where that is nobody's question. */
  #dom0(): Record<string, number> {
    const { driverDomain } = this.#host.memory;
    return driverDomain === undefined ? {} : { dom0_memory_mib: driverDomain.vm.mapped / PAGES_PER_MIB };
  }

  #steadiness(): Record<string, number> {
    const requests = this.#equalWork ? { jain_requests: this.#vms.jainRequests } : {};
    const figures = { ...this.#dynamics.metrics, ...this.#fairness.metrics, ...requests };
    return Object.fromEntries(Object.entries(figures).map(([name, of]) => [name, Number(of.toPrecision(DIGITS))]));
  }

  #requestMetrics(windowMs: number): Record<string, number> {
    const done = this.#latencies.count;
    const cyclesPerMs = this.#host.profile.megahertz * 1000;
    const requests = { requests_done: done, throughput_rps: windowMs > 0 ? (1000 * done) / windowMs : 0 };
    if (done === 0) return requests;
    return {
      ...requests,
      latency_mean_ms: this.#latencies.sum / done / cyclesPerMs,
      latency_p50_ms: this.#latencies.quantile(0.5) / cyclesPerMs,
      latency_p99_ms: this.#latencies.quantile(0.99) / cyclesPerMs,
    };
  }

  /** dom0's one vCPU has a figure where it is busier than the host's pCPUs: these do not show that it is what lacks then. */
  #counterMetrics(window: number, busyShare: number): Record<string, number> {
    const { disk_busy, network_busy, dom0_cpu_busy, ...counts } = difference(
      countersOf(this.#host),
      this.#countersAtStart,
    );
    const percent = (busy = 0): number => Math.min(100, (100 * busy) / Math.max(1, window));
    const dom0 = Number(percent(dom0_cpu_busy).toPrecision(DIGITS));
    return {
      disk_busy_percent: percent(disk_busy),
      network_busy_percent: percent(network_busy),
      ...(dom0 > 100 * busyShare && { dom0_cpu_busy_percent: dom0 }),
      ...Object.fromEntries(COUNTERS.slice(2).map((name) => [name, counts[name] ?? 0])),
      ...Object.fromEntries(RARE_COUNTERS.flatMap((name) => (counts[name] ? [[name, counts[name]]] : []))),
    };
  }

  /** Means over the rows of the measured window. */
  #memoryMetrics(): Record<string, number> {
    const start = this.#windowStart / (this.#host.profile.megahertz * 1e6);
    const measured = this.#rows.filter(([time]) => time > start);
    const rows = measured.length > 0 ? measured : this.#rows.slice(-1);
    const mean = (column: number): number => rows.reduce((sum, row) => sum + row[column], 0) / rows.length;
    const means: Record<string, number> = {};
    this.#memoryColumns.forEach((name, i) => {
      means[name] = mean(FIRST_MEMORY_COLUMN + i);
    });
    const configured = this.#host.guests.reduce((sum, { vm }) => sum + vm.pages, 0) / PAGES_PER_MIB;
    const { memory_guest_used_mib: used = 0, ...others } = means;
    return { ...others, memory_used_percent: configured > 0 ? (100 * used) / configured : 0 };
  }

  #memoryMib(): number[] {
    const { memory, guests } = this.#host;
    const { frames } = memory;
    const total = (pages: (guest: HostGuest) => number): number => guests.reduce((sum, guest) => sum + pages(guest), 0);
    const dom0 = memory.driverDomain?.vm.mapped ?? 0;
    const frontswap = total(({ vm }) => vm.frontswapFrames);
    const pages = [
      frames.free,
      frames.private - dom0,
      frames.shared,
      // What is being written is in the host's own swap cache.
      frames.overhead - frontswap + dom0 + frames.writing,
      frames.saved,
      total(({ vm }) => vm.ballooned),
      total(({ vm }) => vm.compressed + vm.patched),
      total(({ vm }) => vm.swapped),
      total((guest) => guest.memory.anonymous.swap.used),
      total((guest) => guest.memory.pages.replacement.filePages),
      total(
        ({
          memory: {
            pages: { kernel, replacement },
          },
        }) => kernel + replacement.anonymousPages + replacement.filePages,
      ),
    ];
    if (memory.frontswap !== undefined) pages.push(frontswap);
    return pages.map((count) => count / PAGES_PER_MIB);
  }

  #vmColumns(): readonly string[] {
    const names = Object.keys(VM_COLUMNS);
    return this.#vmsWithColumns().flatMap(({ number }) => names.map((name) => `vm${number}_${name}`));
  }

  #vmMib(): readonly number[] {
    const figures = Object.values(VM_COLUMNS);
    return this.#vmsWithColumns().flatMap(({ vm }) => figures.map((pages) => pages(vm) / PAGES_PER_MIB));
  }

  #vmsWithColumns(): readonly HostGuest[] {
    return this.#vmsDiffer ? this.#host.guests : [];
  }
}

function difference(
  later: Readonly<Record<string, number>>,
  earlier: Readonly<Record<string, number>>,
): Record<string, number> {
  const grown = Object.entries(later).map(([name, value]): [string, number] => [name, value - (earlier[name] ?? 0)]);
  return Object.fromEntries(grown.filter(([, value]) => value !== 0));
}
