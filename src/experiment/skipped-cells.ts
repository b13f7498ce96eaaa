/** Cells of a plan that a run would skip, told before anything is simulated. */
import { loadMachine } from "./documents/load.ts";
import { loadVmm } from "./load-vmm.ts";
import type { Plan } from "./plan.ts";
import { skipAdvice } from "./skip-advice.ts";

export interface SkippedCells {
  /** How results call the VMM. */
  readonly vmm: string;
  readonly reason: string;
  readonly cells: number;
}

/** By VMM and reason, in the order of the matrix. What a guest is entitled to of the CPU shows only when it is compiled. */
export async function skippedCells({ cells }: Plan): Promise<readonly SkippedCells[]> {
  const found = new Map<string, SkippedCells>();
  const profiles = new Map<string, ReturnType<typeof loadMachine>["profile"]>();
  const vmms = new Map<string, Awaited<ReturnType<typeof loadVmm>>["vmm"]>();
  for (const { spec, machineFile, folder } of cells) {
    const profile = profiles.get(machineFile) ?? loadMachine(machineFile).profile;
    const id = JSON.stringify(spec.vmm);
    const vmm = vmms.get(id) ?? (await loadVmm(spec.vmm, folder)).vmm;
    profiles.set(machineFile, profile);
    vmms.set(id, vmm);
    const reason = skipAdvice(vmm, profile, spec);
    if (reason === undefined) continue;
    const key = JSON.stringify([spec.vmm.label, reason]);
    found.set(key, { vmm: spec.vmm.label, reason, cells: (found.get(key)?.cells ?? 0) + 1 });
  }
  return [...found.values()];
}
