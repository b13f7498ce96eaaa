/**
 * A cell: one VMM, one workload, one machine, one seed. What goes in and what comes out, as plain data that survives JSON.
 */

import { groupOf, type VmGroup, vmsOfGroup } from "../workload/vm-settings.ts";

/** A VMM by name, with its parts replaced, switched or parameterized (`{"memory.page-sharing": false}`). */
export interface VmmChoice {
  /** Registered name, or a path to a module that exports a VMM. */
  readonly base: string;
  readonly set: Readonly<Record<string, unknown>>;
  /** How results call it: the base name, or base name and changes, or what the matrix says. Unique within a matrix. */
  readonly label: string;
}

export interface CellSpec {
  /** Name of the block of the matrix the cell belongs to; charts are drawn per block. */
  readonly block: string;
  readonly vmm: VmmChoice;
  /** Name, or path to a workload file; what all VMs run of which {@link settings} say nothing else. */
  readonly workload: string;
  readonly machine: string;
  readonly seed: number;
  /**
   * Guests of this workload on the host. Absent: one guest alone, every trap simulated (monitor resolution).
   * Present: many guests, every page simulated (host resolution).
   */
  readonly vms?: number;
  /** Sum of configured guest memory over host memory for VMs; host resolution only. */
  readonly overcommit?: number;
  /** Host memory for VMs in pages, where a matrix gives that and the overcommit ratio follows from it, to four decimals. */
  readonly hostPages?: number;
  /** What is particular about single VMs; host resolution only. */
  readonly settings?: readonly VmGroup[];
}

/** Name or path of the workload that a VM runs. */
export function workloadOf({ workload, settings }: Pick<CellSpec, "workload" | "settings">, vm: number): string {
  return groupOf(settings, vm)?.workload ?? workload;
}

/** What the VMs run, in words: "typical-server", "typical-server, with memory-bomb in VM 7". */
export function workTitle({ workload, settings = [] }: Pick<CellSpec, "workload" | "settings">): string {
  const others = settings.filter((group) => group.workload !== undefined && group.workload !== workload);
  if (others.length === 0) return fileTitle(workload);
  const other = others.map((group) => `${fileTitle(group.workload ?? "")} in ${vmsOfGroup(group)}`);
  return `${fileTitle(workload)}, with ${other.join(", ")}`;
}

/** Of a workload or machine: its name; of a path, the file: paths are relative to a matrix that its user may never have seen. */
export function fileTitle(nameOrPath: string): string {
  return nameOrPath.slice(nameOrPath.lastIndexOf("/") + 1);
}

/** Pages that a host has for VMs with so many configured in all. */
export function pagesForVms(configuredPages: number, overcommit: number): number {
  return Math.round(configuredPages / overcommit);
}

export type CellStatus = "done" | "skipped" | "failed";

/** Column names carry units. */
export interface FigureTable<Value extends number | string = number> {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

export interface CellResult {
  readonly schema: 1;
  /** SHA-256 of the spec and of everything it names (workload, machine, contents, parts): the name of the cell's file. */
  readonly key: string;
  readonly spec: CellSpec;
  readonly status: CellStatus;
  /** Why it was skipped or failed. */
  readonly reason?: string;
  /** It failed because of what its user gave: a policy that asks for nonsense. */
  readonly wrongInput?: true;
  /** Digest of the operation stream(s); cells are compared only if these agree. */
  readonly streamDigest: string;
  /** Figures by name; the unit is in the name. See {@link METRICS}. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Cycles by cause; at host resolution summed over all pCPUs, idle included. */
  readonly cycles: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  /** Monitor resolution: per operation, how often it ran and its cycles by cause. */
  readonly operations?: Readonly<Record<string, OperationCost>>;
  /** Host resolution, where VMs are not alike in work or entitlement: one row a VM. */
  readonly vms?: FigureTable;
  /** Host resolution, where something is particular about single VMs: one row a group, see GroupFigures. */
  readonly groups?: FigureTable;
  /** Host resolution: one row a simulated second; the first column is `time_s`. */
  readonly series?: FigureTable;
  /** Of a cell that was watched: one row a VM and second, see vm-timeline.ts. Never part of what is stored of the cell. */
  readonly timeline?: FigureTable<number | string>;
}

/** What one simulation gives back; the experiment adds key, spec and status. */
export type CellOutcome = Pick<
  CellResult,
  "metrics" | "cycles" | "events" | "operations" | "vms" | "groups" | "series"
>;

export interface OperationCost {
  readonly count: number;
  readonly cycles: Readonly<Record<string, number>>;
}

export interface Metric {
  readonly title: string;
  readonly unit: string;
  /** Which direction is better; absent for a figure that is only descriptive. */
  readonly better?: "lower" | "higher";
}

/** Every figure a cell may report. */
export const METRICS: Readonly<Record<string, Metric>> = {
  elapsed_ms: { title: "elapsed time", unit: "ms", better: "lower" },
  work_ms: { title: "time for the work, idle waiting for arrivals left out", unit: "ms", better: "lower" },
  requests_done: { title: "requests completed in the measured window", unit: "requests" },
  throughput_rps: { title: "throughput", unit: "requests/s", better: "higher" },
  latency_mean_ms: { title: "mean latency", unit: "ms", better: "lower" },
  latency_p50_ms: { title: "median latency", unit: "ms", better: "lower" },
  latency_p99_ms: { title: "99th percentile of latency", unit: "ms", better: "lower" },
  cpu_busy_percent: { title: "CPU utilization", unit: "%" },
  disk_busy_percent: { title: "disk utilization", unit: "%" },
  network_busy_percent: { title: "network utilization", unit: "%" },
  dom0_cpu_busy_percent: { title: "time for which the one vCPU of dom0 has something to do", unit: "%" },
  memory_used_percent: { title: "guest memory in use (kernel, anonymous, page cache)", unit: "%" },
  tlb_misses: { title: "TLB misses", unit: "misses", better: "lower" },
  guest_page_faults: { title: "page faults of the guest", unit: "faults" },
  vms_configured: { title: "VMs asked for", unit: "VMs" },
  vms_admitted: { title: "VMs started", unit: "VMs", better: "higher" },
  start_delay_mean_ms: { title: "time from asking for a VM until it runs, mean", unit: "ms", better: "lower" },
  vms_evicted: { title: "VMs moved away or stopped by the policy", unit: "VMs", better: "lower" },
  host_memory_mib: { title: "host memory for VMs", unit: "MiB" },
  dom0_memory_mib: { title: "memory of dom0, at the end", unit: "MiB" },
  vmm_text_faults: {
    title: "faults on the VMMs' own program text, read from the disk before a guest was served",
    unit: "faults",
    better: "lower",
  },
  dom0_swap_ins: { title: "pages swapped in by dom0", unit: "pages", better: "lower" },
  memory_free_mib: { title: "free host memory, mean", unit: "MiB" },
  memory_private_mib: { title: "host memory that one VM uses alone, mean", unit: "MiB" },
  memory_shared_mib: { title: "host memory that several guest pages share, mean", unit: "MiB" },
  memory_overhead_mib: {
    title: "host memory the VMM keeps for itself, pages being written to swap included, mean",
    unit: "MiB",
  },
  memory_shared_saved_mib: { title: "memory saved by page sharing, mean", unit: "MiB", better: "higher" },
  memory_ballooned_mib: { title: "memory in balloons, mean", unit: "MiB" },
  memory_compressed_mib: { title: "guest memory that the host keeps compressed, mean", unit: "MiB" },
  memory_host_swapped_mib: { title: "memory swapped out by the host, mean", unit: "MiB" },
  memory_guest_swapped_mib: { title: "memory swapped out by guests, mean", unit: "MiB" },
  memory_guest_cache_mib: { title: "page cache of the guests, mean", unit: "MiB" },
  host_swap_ins: { title: "pages swapped in by the host", unit: "pages", better: "lower" },
  host_swap_outs: { title: "pages swapped out by the host", unit: "pages", better: "lower" },
  memory_frontswap_mib: { title: "host memory with pages of guests' swap devices, mean", unit: "MiB" },
  frontswap_puts: { title: "pages that the VMM kept for guests' swap devices", unit: "pages" },
  frontswap_refused_puts: {
    title: "pages for guests' swap devices that the VMM did not take, so that they went to the disk",
    unit: "pages",
    better: "lower",
  },
  frontswap_gets: { title: "pages that guests got back from the VMM instead of the disk", unit: "pages" },
  frontswap_flushes: { title: "pages kept for guests' swap devices that they gave up", unit: "pages" },
  guest_swap_ins: { title: "pages swapped in by guests", unit: "pages", better: "lower" },
  guest_swap_outs: { title: "pages swapped out by guests", unit: "pages", better: "lower" },
  double_paged_outs: {
    title: "pages that guests wrote to their disks and the host had to read from its swap space first",
    unit: "pages",
    better: "lower",
  },
  double_paged_ins: {
    title: "pages that guests read from their disks over what the host read from its swap space first",
    unit: "pages",
    better: "lower",
  },
  vmfs_metadata_operations: { title: "blocks that thin virtual disks have grown by", unit: "blocks" },
  vmfs_lock_wait_ms: {
    title: "time for which disk commands waited for a lock of the volume, all together",
    unit: "ms",
    better: "lower",
  },
  packets_lost: { title: "packets sent that found the interface's queue full", unit: "packets", better: "lower" },
  memory_reversals_per_vm_hour: {
    title: "changes of direction of a VM's memory by a twentieth of it or more",
    unit: "1/h per VM",
    better: "lower",
  },
  time_to_target_s: { title: "time from leaving the target to reaching it, mean", unit: "s", better: "lower" },
  time_at_minimum_percent: { title: "time that VMs are as small as they get", unit: "%", better: "lower" },
  entitlement_error_percent: {
    title: "distance of VMs' memory from what they are entitled to by shares, mean",
    unit: "%",
    better: "lower",
  },
  jain_memory: { title: "Jain's index of memory over entitlement", unit: "1", better: "higher" },
  jain_requests: { title: "Jain's index of requests done, VMs of equal work", unit: "1", better: "higher" },
  guest_out_of_memory: { title: "times a guest had neither memory nor swap left", unit: "times", better: "lower" },
  oom_kills: {
    title: "processes that guests' kernels killed for want of memory and swap",
    unit: "kills",
    better: "lower",
  },
  cow_breaks: { title: "copy-on-write breaks of shared pages", unit: "pages", better: "lower" },
  pages_scanned: { title: "pages scanned for sharing", unit: "pages" },
};
