/** What an operation was measured to cost: once, or as a fixed part and a part per page. */
import type { Ledger } from "../core/ledger.ts";
import { GUEST_USER } from "../guest/kernel-paths.ts";

/**
 * Whole cycles of processor time by cause. Causes of `backend` are those of the driver domain, or of another processor that handles
 * interrupts; those of `frontend` are the guest's.
 */
export interface MeasuredOperation {
  readonly frontend: Readonly<Record<string, number>>;
  readonly backend: Readonly<Record<string, number>>;
}

/** Cycles by cause, per operation; user code and waiting left out. */
export type Cost = Readonly<Record<string, number>>;

export function meanCost(ledger: Ledger, times: number): Cost {
  ledger.cycles[GUEST_USER] = 0;
  const entries = Object.entries(ledger.cyclesByCause())
    .filter(([cause]) => cause !== "idle" && !cause.startsWith("wait."))
    .map(([cause, cycles]): [string, number] => [cause, times === 0 ? 0 : cycles / times]);
  return Object.fromEntries(entries);
}

/** What one page more costs, from the cost of operations that differ in their number of pages only; never negative. */
export function costPerPage(small: Cost, large: Cost, morePages: number): Cost {
  const entries = Object.entries(large).map(([cause, cycles]): [string, number] => {
    return [cause, Math.max(0, (cycles - (small[cause] ?? 0)) / morePages)];
  });
  return Object.fromEntries(entries);
}

/** What is left of a cost without the part that `pages` pages account for. */
export function costWithout(cost: Cost, perPage: Cost, pages: number): Cost {
  const entries = Object.entries(cost).map(([cause, cycles]): [string, number] => {
    return [cause, Math.max(0, cycles - (perPage[cause] ?? 0) * pages)];
  });
  return Object.fromEntries(entries);
}

export function measuredOperation(cost: Cost): MeasuredOperation {
  const entries = Object.entries(cost)
    .map(([cause, cycles]): [string, number] => [cause, Math.round(cycles)])
    .filter(([, cycles]) => cycles > 0);
  return {
    frontend: Object.fromEntries(entries.filter((entry) => !isBackend(entry))),
    backend: Object.fromEntries(entries.filter(isBackend)),
  };
}

function isBackend([cause]: [string, number]): boolean {
  return cause.startsWith("io.backend") || cause.startsWith("io.hypervisor.interrupt");
}
