/** Cells of a plan that a run would skip, told before anything is simulated. */
import type { Plan } from "./plan.ts";
import { skipAdvice } from "./skip-advice.ts";
import { systemOf } from "./system-of-cell.ts";

export interface SkippedCells {
  /** How results call the VMM. */
  readonly vmm: string;
  readonly reason: string;
  readonly cells: number;
}

/** By VMM and reason, in the order of the matrix. What a guest is entitled to of the CPU shows only when it is compiled. */
export async function skippedCells({ cells }: Plan): Promise<readonly SkippedCells[]> {
  const found = new Map<string, SkippedCells>();
  for (const cell of cells) {
    const { spec } = cell;
    const { loaded, profile } = await systemOf(cell);
    const reason = skipAdvice(loaded, profile, spec);
    if (reason === undefined) continue;
    const key = JSON.stringify([spec.vmm.label, reason]);
    found.set(key, { vmm: spec.vmm.label, reason, cells: (found.get(key)?.cells ?? 0) + 1 });
  }
  return [...found.values()];
}
