/** What one basic operation costs under each VMM, by group of causes. */
import { byGroup, CAUSE_GROUPS, type CauseGroup } from "./cycle-breakdown.ts";
import { distinct, groupBy, monitorCells, requireIdenticalWork, type Results } from "./results.ts";

export interface OperationShare {
  readonly block: string;
  readonly machine: string;
  readonly operation: string;
  readonly vmm: string;
  readonly group: CauseGroup;
  /** Mean cycles of one operation. */
  readonly cycles: number;
  /** How many operations the mean is over. */
  readonly count: number;
}

/** User code and the bookkeeping of requests are the same everywhere. */
const NOT_BASIC: ReadonlySet<string> = new Set(["compute", "request"]);

/**
 * Mean cycles per operation and group. Pooled over the workloads and seeds that every VMM of the block finished, so that
 * all means are over the same operations.
 */
export function operationBreakdown(results: Results): OperationShare[] {
  const cells = monitorCells(results);
  requireIdenticalWork(cells);
  const rows: OperationShare[] = [];
  for (const group of groupBy(cells, ({ spec }) => JSON.stringify([spec.block, spec.machine])).values()) {
    const { block, machine } = group[0].spec;
    const vmms = distinct(group, (cell) => cell.spec.vmm.label);
    const shared = [...groupBy(group, ({ spec }) => JSON.stringify([spec.workload, spec.seed])).values()]
      .filter((same) => same.length === vmms.length)
      .flat();
    for (const [vmm, own] of groupBy(shared, ({ spec }) => spec.vmm.label)) {
      for (const [operation, { count, groups }] of pool(own.map((cell) => cell.operations ?? {}))) {
        for (const { name } of CAUSE_GROUPS) {
          const cycles = groups.get(name);
          if (cycles) rows.push({ block, machine, operation, vmm, group: name, cycles: cycles / count, count });
        }
      }
    }
  }
  return rows;
}

interface Pooled {
  count: number;
  readonly groups: Map<CauseGroup, number>;
}

type Operations = NonNullable<Results["cells"][number]["operations"]>;

function pool(all: readonly Operations[]): Map<string, Pooled> {
  const pooled = new Map<string, Pooled>();
  for (const operations of all) {
    for (const [operation, { count, cycles }] of Object.entries(operations)) {
      if (NOT_BASIC.has(operation) || count === 0) continue;
      const entry = pooled.get(operation) ?? { count: 0, groups: new Map<CauseGroup, number>() };
      pooled.set(operation, entry);
      entry.count += count;
      for (const [group, amount] of byGroup(cycles)) entry.groups.set(group, (entry.groups.get(group) ?? 0) + amount);
    }
  }
  return pooled;
}
