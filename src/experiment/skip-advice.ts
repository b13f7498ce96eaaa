/** Why something cannot be simulated on a machine, followed by the machines of the package on which it can. */
import { InputError } from "../core/input-error.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { CellSpec } from "../sim/cell.ts";
import { microbenchmarks } from "../sim/microbenchmarks/catalogue.ts";
import { measureMicrobenchmark, type Microbenchmark } from "../sim/microbenchmarks/microbenchmark.ts";
import { reasonToSkip } from "../sim/reason-to-skip.ts";
import type { Vmm } from "../vmm/contract.ts";
import { packagedMachines } from "./packaged-machines.ts";

/** As {@link reasonToSkip}; without machines where the cell runs on none. */
export function skipAdvice(vmm: Vmm, profile: MachineProfile, spec: CellSpec): string | undefined {
  const reason = reasonToSkip(vmm, profile, spec);
  if (reason === undefined) return undefined;
  return withMachines(
    reason,
    fitting((machine) => reasonToSkip(vmm, machine, spec) === undefined),
  );
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
  const ofAll = fitting((machine) => vmms.every((vmm) => hasOperation(operation, vmm, machine)));
  const lacking = vmms.find((vmm) => !hasOperation(operation, vmm, profile));
  if (ofAll.length > 0 || lacking === undefined) return withMachines(reason, ofAll);
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
