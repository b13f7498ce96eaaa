/** Measured operation costs, kept from cell to cell: they are pure functions of what the monitor is made of. */
import type { MachineProfile } from "../machine/profile.ts";
import { type MeasuredOperation, measureOperations } from "../sim/operations.ts";
import type { Part, Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { RecentlyUsed } from "./recently-used.ts";

type Costs = Readonly<Record<string, MeasuredOperation>>;

const measured = new RecentlyUsed<Costs>(128);
const ids = new WeakMap<object, number>();
let nextId = 0;

/** {@link measureOperations}, measured once per monitor, machine and compiled workload. */
export function operationCosts(vmm: Vmm, profile: MachineProfile, workload: CompiledWorkload): Costs {
  // The parts that decide about memory and CPU time have no share in what an operation costs.
  const monitor = [vmm.cpu, vmm.mmu, vmm.disk, vmm.network].map(identify);
  const key = JSON.stringify([monitor, idOf(profile), idOf(workload)]);
  return measured.get(key, () => measureOperations(vmm, profile, workload));
}

function identify({ definition, parameters }: Part): unknown {
  return [idOf(definition), parameters];
}

function idOf(object: object): number {
  const known = ids.get(object);
  if (known !== undefined) return known;
  ids.set(object, nextId);
  return nextId++;
}
