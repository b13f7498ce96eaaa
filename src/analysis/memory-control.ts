/** How memory was managed on a host, besides how fast its guests were: steadily, in time, fairly, at what cost of its own. */
import { sum } from "../core/sum.ts";
import type { CellResult } from "../sim/cell.ts";

/** Causes that begin so are what VMMs do about memory, to decide and to move it. A policy's own run has no price in the model. */
const ABOUT_MEMORY = [
  "vmm.balloon",
  "vmm.compression.",
  "vmm.free-page-reporting",
  "vmm.frontswap.",
  "vmm.host-swap.",
  "vmm.hypercallback",
  "vmm.large-pages.",
  "vmm.memory.",
  "vmm.page-sharing.",
  "vmm.patching.",
];

/** Of these, what is done because a guest touches a page, and waits for it: that is not the controller's. */
const FOR_A_GUEST = new Set([
  "vmm.compression.decompress",
  "vmm.frontswap.get",
  "vmm.host-swap.in",
  "vmm.host-swap.minor-fault",
  "vmm.large-pages.back",
  "vmm.memory.allocate",
  "vmm.page-sharing.cow-break",
  "vmm.patching.unpatch",
]);

/** Whether it is work of whoever manages memory. */
export function isOfController(cause: string): boolean {
  return ABOUT_MEMORY.some((start) => cause.startsWith(start)) && !FOR_A_GUEST.has(cause);
}

/** In the order of tables: title, unit ("1": a plain ratio), and the figure of a cell; undefined where it has none. */
export const CONTROL_FIGURES = {
  reversals: {
    title: "changes of direction per VM and hour",
    unit: "per VM and hour",
    of: metric("memory_reversals_per_vm_hour"),
  },
  timeToTargetS: { title: "back at the target after, s", unit: "s", of: metric("time_to_target_s") },
  timeAtMinimumPercent: { title: "time at the minimum, %", unit: "%", of: whereCounted("time_at_minimum_percent") },
  doublePaged: {
    title: "pages paged twice",
    unit: "pages",
    of: whereCounted("double_paged_outs", "double_paged_ins"),
  },
  entitlementErrorPercent: { title: "off their entitlement, %", unit: "%", of: metric("entitlement_error_percent") },
  jainMemory: { title: "Jain's index, memory", unit: "1", of: metric("jain_memory") },
  jainRequests: { title: "Jain's index, requests", unit: "1", of: metric("jain_requests") },
  controllerCpuPercent: { title: "CPU for managing memory, %", unit: "%", of: controllerCpuPercent },
} as const;
export type ControlFigure = keyof typeof CONTROL_FIGURES;
/** For programs: titles have the units in words. */
export const CONTROL_UNITS = Object.fromEntries(
  Object.entries(CONTROL_FIGURES).map(([name, { unit }]) => [name, unit]),
) as Readonly<Record<ControlFigure, string>>;
export type MemoryControl = Readonly<Record<ControlFigure, number | undefined>>;

/** Means over the cells that have the figure. */
export function memoryControl(cells: readonly CellResult[]): MemoryControl {
  const figures = Object.entries(CONTROL_FIGURES).map(([name, { of }]) => {
    const values = cells.flatMap((cell) => of(cell) ?? []);
    return [name, values.length === 0 ? undefined : sum(values) / values.length];
  });
  return Object.fromEntries(figures) as MemoryControl;
}

/**
 * A VM whose memory turns more often than once a minute cannot put it to use in between (assumption). What a policy does
 * because the load itself comes and goes counts like any other change.
 */
export function oscillates({ reversals = 0 }: MemoryControl): boolean {
  return reversals >= 60;
}

function metric(name: string): (cell: CellResult) => number | undefined {
  return ({ metrics }) => metrics[name];
}

/** Sum of figures that are absent where there is nothing to count; results of older versions have not counted. */
function whereCounted(...names: readonly string[]): (cell: CellResult) => number | undefined {
  return ({ metrics }) => {
    if (metrics.memory_reversals_per_vm_hour === undefined) return undefined;
    return names.reduce((sum, name) => sum + (metrics[name] ?? 0), 0);
  };
}

/** Of all CPUs of the host. */
function controllerCpuPercent({ cycles }: CellResult): number | undefined {
  const all = sum(Object.values(cycles));
  const own = Object.entries(cycles).reduce((sum, [cause, of]) => sum + (isOfController(cause) ? of : 0), 0);
  return all > 0 ? (100 * own) / all : undefined;
}
