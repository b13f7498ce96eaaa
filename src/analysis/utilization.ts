/** How busy the guest's hardware is on bare metal, and whether that is what a workload stands for. */
import { distinct, groupBy, isNative, monitorCells, type Results } from "./results.ts";
import { type Estimate, meanEstimate } from "./statistics.ts";

/** Resources, with the metric that says how busy each is. */
export const RESOURCES = [
  { name: "CPU", metric: "cpu_busy_percent" },
  { name: "memory", metric: "memory_used_percent" },
  { name: "network", metric: "network_busy_percent" },
  { name: "disk", metric: "disk_busy_percent" },
] as const;
export type Resource = (typeof RESOURCES)[number]["name"];

/** What a workload is meant to show on bare metal, in percent: a figure to hit, or a bound to stay below. */
type Expectation = { readonly exactly: number } | { readonly below: number };

/** How far a figure may be from the stated one, in percentage points. */
export const TOLERANCE_POINTS = 0.5;

/** Typical server utilization as this project states it for its central workload. */
const STATED: Readonly<Record<string, Readonly<Record<Resource, Expectation>>>> = {
  "typical-server": { CPU: { exactly: 6 }, memory: { exactly: 40 }, network: { below: 5 }, disk: { below: 5 } },
};

export interface Utilization {
  readonly workload: string;
  readonly machine: string;
  readonly seeds: number;
  readonly percent: Readonly<Record<Resource, Estimate | undefined>>;
  /** Only for workloads with stated figures. */
  readonly checks: readonly UtilizationCheck[];
}

export interface UtilizationCheck {
  readonly resource: Resource;
  readonly expected: string;
  readonly measured: number;
  readonly holds: boolean;
}

/** Utilization of every workload on native, mean over seeds. */
export function utilizations(results: Results): Utilization[] {
  const native = monitorCells(results).filter(isNative);
  return [...groupBy(native, ({ spec }) => JSON.stringify([spec.workload, spec.machine])).values()].map((cells) => {
    const { workload, machine } = cells[0].spec;
    const percent = Object.fromEntries(
      RESOURCES.map(({ name, metric }) => {
        const values = cells.flatMap((cell) => cell.metrics[metric] ?? []);
        return [name, values.length === 0 ? undefined : meanEstimate(values)];
      }),
    ) as Record<Resource, Estimate | undefined>;
    const seeds = distinct(cells, (cell) => cell.spec.seed).length;
    return { workload, machine, seeds, percent, checks: checksOf(workload, percent) };
  });
}

function checksOf(workload: string, percent: Utilization["percent"]): UtilizationCheck[] {
  const stated = STATED[workload];
  if (stated === undefined) return [];
  return RESOURCES.flatMap(({ name: resource }): UtilizationCheck[] => {
    const measured = percent[resource]?.estimate;
    if (measured === undefined) return [];
    const expectation = stated[resource];
    if ("below" in expectation) {
      const expected = `below ${expectation.below} %`;
      return [{ resource, expected, measured, holds: measured < expectation.below }];
    }
    const holds = Math.abs(measured - expectation.exactly) <= TOLERANCE_POINTS;
    return [{ resource, expected: `${expectation.exactly} % (± ${TOLERANCE_POINTS})`, measured, holds }];
  });
}
