/** What a cell runs on: its VMM and the profile of its machine. Loaded once, for all cells that have the same. */
import type { MachineProfile } from "../machine/profile.ts";
import type { CellSpec } from "../sim/cell.ts";
import { loadMachine } from "./documents/load-machine.ts";
import { type LoadedVmm, loadVmm } from "./load-vmm.ts";
import { RecentlyUsed } from "./recently-used.ts";

const machines = new RecentlyUsed<MachineProfile>(16);
const vmms = new RecentlyUsed<Promise<LoadedVmm>>(64);

/** Throws an InputError if the VMM or the machine cannot be loaded. */
export async function systemOf(cell: {
  readonly spec: Pick<CellSpec, "vmm">;
  readonly machineFile: string;
  readonly folder: string;
}): Promise<{ readonly loaded: LoadedVmm; readonly profile: MachineProfile }> {
  const { spec, machineFile, folder } = cell;
  const loaded = await vmms.get(`${folder}\0${JSON.stringify(spec.vmm)}`, () => loadVmm(spec.vmm, folder));
  return { loaded, profile: machines.get(machineFile, () => loadMachine(machineFile).profile) };
}
