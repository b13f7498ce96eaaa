/** Why a cell is skipped: what its VMM cannot do, or what its machine profile does not say. */
import { counted } from "../core/counted.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { partsIn } from "../vmm/compose.ts";
import { MONITOR_SLOTS, SLOTS, TUNABLE_SHARING, type Vmm } from "../vmm/contract.ts";
import { queueOf, unsuitedReason } from "../vmm/made-part.ts";
import { isElsewhere } from "./device-interrupts.ts";
import type { Density } from "./simulate.ts";

type Check = (vmm: Vmm, profile: MachineProfile, density: Density) => string | undefined;

/** In this order: whoever names a VMM that cannot do what is asked is told that before the costs that its parts need. */
const CHECKS: readonly Check[] = [
  tooManyGuests,
  otherMechanisms,
  memorySettings,
  diskShares,
  interruptsElsewhere,
  missingSignals,
  nothingToTune,
  idleParts,
  missingStartCost,
  otherKernel,
  unsuitedParts,
  missingCosts,
];

/** Why this VMM cannot be simulated like this on this machine, in one sentence, or undefined if it can. */
export function reasonToSkip(vmm: Vmm, profile: MachineProfile, density: Density): string | undefined {
  for (const check of CHECKS) {
    const reason = check(vmm, profile, density);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function tooManyGuests({ name, maxGuests }: Vmm, _: MachineProfile, { vms = 1 }: Density): string | undefined {
  if (maxGuests === undefined || vms <= maxGuests) return undefined;
  return `${name} runs at most ${counted(maxGuests, "guest")}, not ${vms}`;
}

function otherMechanisms({ name, allocation, memory }: Vmm): string | undefined {
  if (allocation.definition.replacesMemoryParts !== true || memory.length === 0) return undefined;
  return `${name} allocates memory by ${allocation.definition.name}, which works alone; expected memory: off with it`;
}

function memorySettings({ name, allocation }: Vmm, _: MachineProfile, { settings }: Density): string | undefined {
  const { name: allocator, honoursMemorySettings: honoured } = allocation.definition;
  const set = settings?.flatMap(({ memory }) => memory ?? []) ?? [];
  if (honoured === true || set.length === 0) return undefined;
  if (honoured === undefined) return `${name} allocates memory by ${allocator}, which knows no settings of single VMs`;
  const more = set.some(({ reservationPages, limitPages }) => (reservationPages ?? limitPages) !== undefined);
  return more
    ? `${name} allocates memory by ${allocator}, which knows the shares of single VMs and no more`
    : undefined;
}

function diskShares({ name, disk }: Vmm, _: MachineProfile, { settings }: Density): string | undefined {
  const sharesDisks = queueOf(disk)?.sharing !== undefined;
  if (sharesDisks || !settings?.some((group) => group.diskShares !== undefined)) return undefined;
  return `${name} has the disk driver ${disk.definition.name}, which knows no disk shares`;
}

/** Which guests have their interrupts handled by another processor follows from where they run. */
function interruptsElsewhere({ name, disk, network }: Vmm, _: MachineProfile, { vms }: Density): string | undefined {
  if (vms === undefined || !(isElsewhere(disk) || isElsewhere(network))) return undefined;
  return `${name} has otherProcessor true, which is for a guest by itself; expected false: on a host it follows from where guests run`;
}

function missingSignals(vmm: Vmm): string | undefined {
  const { name, tunesSharing = false, signalsFrom = [] } = vmm.allocation.definition;
  // Without what it tunes, that is the reason.
  const missing = signalsFrom.find((part) => !(tunesSharing && part === TUNABLE_SHARING) && !hasMechanism(vmm, part));
  if (missing === undefined) return undefined;
  return `${vmm.name} allocates memory by ${name}, which goes by what only ${missing} shows; expected a VMM with it`;
}

function nothingToTune(vmm: Vmm): string | undefined {
  const { name, tunesSharing = false } = vmm.allocation.definition;
  if (!tunesSharing) return undefined;
  const rival = vmm.memory.find(({ definition }) => definition.tunesSharing === true)?.definition.name;
  if (rival !== undefined) {
    return `${vmm.name} has allocation ${name} and memory part ${rival}, which both tell page sharing how fast to scan; expected one of them`;
  }
  if (hasMechanism(vmm, TUNABLE_SHARING)) return undefined;
  return `${vmm.name} allocates memory by ${name}, which tells page sharing how fast to scan; expected page sharing that can be told, such as memory.ksm: on`;
}

function idleParts(vmm: Vmm): string | undefined {
  const parts = [vmm.allocation, ...vmm.memory].map(({ definition }) => definition);
  const idle = parts.find(({ requiresPart }) => requiresPart !== undefined && !hasMechanism(vmm, requiresPart));
  return idle && `${vmm.name} has ${idle.name}, which does nothing without ${idle.requiresPart}`;
}

function hasMechanism({ memory }: Vmm, nameOrRole: string): boolean {
  return memory.some(
    ({ definition: { name, role, isTunable = false } }) =>
      name === nameOrRole || role === nameOrRole || (isTunable && nameOrRole === TUNABLE_SHARING),
  );
}

function missingStartCost({ startCost }: Vmm, { name, costs }: MachineProfile, density: Density): string | undefined {
  const starts = density.settings?.some(({ startUs }) => startUs !== undefined) === true;
  if (!starts || startCost === undefined || costs[startCost] !== undefined) return undefined;
  return `machine ${name} gives no cost of ${startCost}`;
}

function otherKernel({ name, scheduler }: Vmm, profile: MachineProfile, { vms }: Density): string | undefined {
  const { name: part, ofKernel } = scheduler.definition;
  if (vms === undefined || ofKernel === undefined || ofKernel === profile.kernel) return undefined;
  return `${name} has ${part}, the scheduler of ${ofKernel}, and machine ${profile.name} has ${profile.kernel}`;
}

function unsuitedParts({ name, cpu, mmu }: Vmm, profile: MachineProfile): string | undefined {
  const [reason] = [cpu, mmu].flatMap((part) => unsuitedReason(part, profile) ?? []);
  return reason && `${name} on ${profile.name}: ${reason}`;
}

function missingCosts(vmm: Vmm, { name, costs }: MachineProfile, { vms }: Density): string | undefined {
  const slots = vms === undefined ? MONITOR_SLOTS : SLOTS;
  const needs = slots.flatMap((slot) => partsIn(vmm, slot)).flatMap((part) => part.definition.needs ?? []);
  const missing = [...new Set(needs)].filter((cost) => costs[cost] === undefined);
  return missing.length === 0 ? undefined : `machine ${name} gives no cost of ${missing.join(", ")}`;
}
