/** Why something cannot be simulated, followed by the machines of the package on which it can, or the VMMs with which it can. */
import { InputError } from "../core/input-error.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { CellSpec } from "../sim/cell.ts";
import { microbenchmarks } from "../sim/microbenchmarks/catalogue.ts";
import { measureMicrobenchmark, type Microbenchmark } from "../sim/microbenchmarks/microbenchmark.ts";
import { reasonToSkip } from "../sim/reason-to-skip.ts";
import { composeVmm, partsIn } from "../vmm/compose.ts";
import { SLOTS, type Vmm } from "../vmm/contract.ts";
import { PARTS } from "../vmm/parts.ts";
import { VMMS } from "../vmm/registry.ts";
import type { LoadedVmm } from "./load-vmm.ts";
import { packagedMachines } from "./packaged-machines.ts";

/** A VMM with what has been changed of it. */
export type AskedVmm = Pick<LoadedVmm, "vmm" | "changes">;

/** As {@link reasonToSkip}; where the cell runs on no machine, with the VMMs that do what is asked of this one. */
export function skipAdvice(asked: AskedVmm, profile: MachineProfile, spec: CellSpec): string | undefined {
  const reason = reasonToSkip(asked.vmm, profile, spec);
  if (reason === undefined) return undefined;
  const machines = fitting((machine) => reasonToSkip(asked.vmm, machine, spec) === undefined);
  return machines.length > 0 ? withMachines(reason, machines) : withVmms(reason, asked, profile, spec);
}

/** Those that run on this machine; only where there are none, those that run on another one. */
function withVmms(reason: string, asked: AskedVmm, profile: MachineProfile, spec: CellSpec): string {
  const own = VMMS.find(({ name }) => name === asked.vmm.name);
  const { settings: _, ...plain } = spec;
  // Where the VMM cannot do it as it is either, and with nothing asked of single VMs, another one is not what was asked for.
  if (own === undefined || reasonToSkip(own, profile, plain) === reason) return reason;
  const others = VMMS.flatMap((other) => withChangesOf(asked, other) ?? []);
  const fits = (on: readonly MachineProfile[]) =>
    others.filter((other) => on.some((machine) => reasonToSkip(other, machine, spec) === undefined));
  const here = fits([profile]);
  if (here.length > 0) return `${reason}; VMMs that fit: ${namesOf(here)}`;
  const elsewhere = fits(packagedMachines());
  return elsewhere.length === 0 ? reason : `${reason}; VMMs that fit, on other machines: ${namesOf(elsewhere)}`;
}

/** Another VMM with the same changes, if they can be made to it. */
function withChangesOf({ vmm, changes }: AskedVmm, other: Vmm): Vmm | undefined {
  // Parts from outside the package are known by what they have been put into.
  const known = SLOTS.flatMap((slot) => partsIn(vmm, slot)).map(({ definition }) => definition);
  const composition = composeVmm(other, changes, [...known, ...PARTS]);
  return composition.problems.length === 0 ? composition.vmm : undefined;
}

function namesOf(vmms: readonly Vmm[]): string {
  return vmms.map(({ name }) => name).join(", ");
}

/** Why operations cannot be measured on a VMM: all of these, or if none is named any that a machine has. */
export function measurementAdvice(reason: string, operations: readonly string[] | undefined, vmm: Vmm): string {
  const fits = (machine: MachineProfile): boolean =>
    operations === undefined
      ? microbenchmarks(machine).some((one) => isMeasurable(one, vmm, machine))
      : operations.every((name) => hasOperation(name, vmm, machine));
  return withMachines(reason, fitting(fits));
}

/** Why an operation cannot be shown on all of several VMMs; where no machine has it on all, those that have it on the first that lacks it. */
export function explanationAdvice(
  reason: string,
  operation: string,
  vmms: readonly Vmm[],
  profile: MachineProfile,
): string {
  const lacking = vmms.find((vmm) => !hasOperation(operation, vmm, profile));
  // Each can be measured on this machine: it is not why they do not go together.
  if (lacking === undefined) return reason;
  const ofAll = fitting((machine) => vmms.every((vmm) => hasOperation(operation, vmm, machine)));
  if (ofAll.length > 0) return withMachines(reason, ofAll);
  const ofLacking = fitting((machine) => hasOperation(operation, lacking, machine));
  return withMachines(reason, ofLacking, ` ${lacking.name}`);
}

function fitting(fits: (machine: MachineProfile) => boolean): readonly string[] {
  return packagedMachines()
    .filter(fits)
    .map(({ name }) => name);
}

/** `whom`: what they fit, if it is not all that the reason is about. */
function withMachines(reason: string, names: readonly string[], whom = ""): string {
  return names.length === 0 ? reason : `${reason}; machines that fit${whom}: ${names.join(", ")}`;
}

function hasOperation(name: string, vmm: Vmm, machine: MachineProfile): boolean {
  const benchmark = microbenchmarks(machine).find((one) => one.name === name);
  return benchmark !== undefined && isMeasurable(benchmark, vmm, machine);
}

function isMeasurable(benchmark: Microbenchmark, vmm: Vmm, machine: MachineProfile): boolean {
  try {
    measureMicrobenchmark(benchmark, vmm, machine);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}
