/** Where the cycles went: the ledger's causes, grouped so that a chart can show them. */
import { sum } from "../core/sum.ts";
import type { CellResult } from "../sim/cell.ts";
import { groupBy, isNative, monitorCells, requireIdenticalWork, type Results } from "./results.ts";

/** Groups of causes, in the order in which charts stack them; a cause belongs to its longest matching prefix. */
export const CAUSE_GROUPS = [
  { name: "guest user code", prefixes: ["guest.user"] },
  { name: "guest kernel", prefixes: ["guest"] },
  { name: "hardware: traps, TLB misses", prefixes: ["hardware"] },
  { name: "VMM: traps, translation", prefixes: ["vmm"] },
  { name: "VMM: hypercalls, events", prefixes: ["vmm.hypercall", "vmm.event-channel", "vmm.event"] },
  { name: "VMM: page tables", prefixes: ["vmm.shadow", "vmm.direct", "vmm.nested", "vmm.mapping"] },
  {
    name: "VMM: host memory",
    prefixes: [
      "vmm.page-sharing",
      "vmm.balloon",
      "vmm.ballooning",
      "vmm.host-swap",
      "vmm.memory",
      "vmm.compression",
      "vmm.patching",
    ],
  },
  { name: "I/O: device path", prefixes: ["io"] },
  { name: "I/O: back end (dom0)", prefixes: ["io.backend"] },
  { name: "waiting for I/O", prefixes: ["wait"] },
  { name: "idle", prefixes: ["idle"] },
  { name: "other", prefixes: [] },
] as const;

export type CauseGroup = (typeof CAUSE_GROUPS)[number]["name"];

/** Groups in which no CPU works. */
export const NOT_BUSY: ReadonlySet<CauseGroup> = new Set<CauseGroup>(["waiting for I/O", "idle"]);

/** The group that a cause of the ledger belongs to. */
export function causeGroup(cause: string): CauseGroup {
  let best: CauseGroup = "other";
  let bestLength = 0;
  for (const { name, prefixes } of CAUSE_GROUPS) {
    for (const prefix of prefixes) {
      const matches = cause === prefix || cause.startsWith(`${prefix}.`);
      if (matches && prefix.length > bestLength) [best, bestLength] = [name, prefix.length];
    }
  }
  return best;
}

/** Cycles by group; their sum is exactly the sum of the causes. */
export function byGroup(cycles: Readonly<Record<string, number>>): Map<CauseGroup, number> {
  const groups = new Map<CauseGroup, number>();
  for (const [cause, amount] of Object.entries(cycles)) {
    const group = causeGroup(cause);
    groups.set(group, (groups.get(group) ?? 0) + amount);
  }
  return groups;
}

export interface CycleShare {
  readonly block: string;
  readonly workload: string;
  readonly machine: string;
  readonly vmm: string;
  readonly group: CauseGroup;
  /** Mean over seeds. */
  readonly cycles: number;
  /** Against all busy cycles of native on the same seeds; absent without native. */
  readonly ofNative?: number;
}

/** Cycles by group for every VMM and workload of the monitor cells, mean over seeds. */
export function cycleBreakdown(results: Results): CycleShare[] {
  const cells = monitorCells(results);
  requireIdenticalWork(cells);
  const rows: CycleShare[] = [];
  for (const group of groupBy(cells, ({ spec }) =>
    JSON.stringify([spec.block, spec.workload, spec.machine]),
  ).values()) {
    const native = new Map(group.filter(isNative).map((cell) => [cell.spec.seed, busyCycles(cell)]));
    for (const replicates of groupBy(group, ({ spec }) => spec.vmm.label).values()) {
      rows.push(...sharesOf(replicates, native));
    }
  }
  return rows;
}

function sharesOf(replicates: readonly CellResult[], native: ReadonlyMap<number, number>): CycleShare[] {
  const { block, workload, machine, vmm } = replicates[0].spec;
  const base = sum(replicates.map((cell) => native.get(cell.spec.seed) ?? Number.NaN));
  const totals = new Map<CauseGroup, number>();
  for (const cell of replicates) {
    for (const [group, cycles] of byGroup(cell.cycles)) totals.set(group, (totals.get(group) ?? 0) + cycles);
  }
  return CAUSE_GROUPS.flatMap(({ name: group }): CycleShare[] => {
    const cycles = totals.get(group);
    if (cycles === undefined) return [];
    const mean = cycles / replicates.length;
    return [
      { block, workload, machine, vmm: vmm.label, group, cycles: mean, ...(base > 0 && { ofNative: cycles / base }) },
    ];
  });
}

/** Cycles in which the CPU worked. */
function busyCycles(cell: CellResult): number {
  return sum([...byGroup(cell.cycles)].map(([group, cycles]) => (NOT_BUSY.has(group) ? 0 : cycles)));
}
