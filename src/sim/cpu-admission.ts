/** Whether guests can be given the CPU time that they are entitled to: by the scheduler at all, and on this machine. */
import { InputError } from "../core/input-error.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import { type CompiledWorkload, USUAL_ENTITLEMENT } from "../workload/compiled-workload.ts";

/** Why the VMM's scheduler cannot keep what a guest is entitled to, or undefined if it can. */
export function unkeptEntitlement(vmm: Vmm, guests: readonly CompiledWorkload[]): string | undefined {
  const { name, honoursCpuSettings = [] } = vmm.scheduler.definition;
  for (const [vm, { name: workload, guest }] of guests.entries()) {
    const { reservationMhz, limitMhz } = guest.cpu ?? USUAL_ENTITLEMENT;
    const of = `VM ${vm} of workload "${workload}"`;
    if (reservationMhz > 0 && !honoursCpuSettings.includes("reservation")) {
      return `${of} reserves ${reservationMhz}MHz, but the scheduler ${name} of ${vmm.name} keeps no reservations`;
    }
    if (limitMhz < Infinity && !honoursCpuSettings.includes("limit")) {
      return `${of} is limited to ${limitMhz}MHz, but the scheduler ${name} of ${vmm.name} keeps no limits`;
    }
  }
  return undefined;
}

/** Admission control: throws an {@link InputError} when reservations, or the vCPUs of a guest, are more than the machine has. */
export function checkReservations(
  guests: readonly CompiledWorkload[],
  { name, cores, megahertz }: MachineProfile,
): void {
  let sum = 0;
  for (const [vm, { name: workload, guest }] of guests.entries()) {
    const { reservationMhz } = guest.cpu ?? USUAL_ENTITLEMENT;
    const { vcpus = 1 } = guest;
    if (vcpus > cores) {
      const most = `machine "${name}" has ${cores} processors`;
      throw new InputError(
        `workload "${workload}": guest.vcpus: ${vcpus} vCPUs, but ${most}; expected at most as many`,
      );
    }
    sum += reservationMhz;
    if (reservationMhz > vcpus * megahertz) {
      const most = `machine "${name}" has processors of ${megahertz}MHz, and a VM has ${vcpus === 1 ? "one vCPU" : `${vcpus} vCPUs`}`;
      throw new InputError(`workload "${workload}": VM ${vm} reserves ${reservationMhz}MHz, but ${most}`);
    }
    if (sum > cores * megahertz) {
      const most = `machine "${name}" has ${cores} x ${megahertz}MHz = ${cores * megahertz}MHz`;
      throw new InputError(`workload "${workload}": VMs 0 to ${vm} reserve ${sum}MHz together, but ${most}`);
    }
  }
}
