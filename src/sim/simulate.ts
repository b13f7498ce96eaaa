/** One cell, simulated: the number of guests decides the resolution. */
import { digest } from "../core/digest.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { partsIn } from "../vmm/compose.ts";
import { MONITOR_SLOTS, SLOTS, type Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { type CellOutcome, type CellSpec, pagesForVms } from "./cell.ts";
import { runHost } from "./host.ts";
import type { HostWatch } from "./host-watch.ts";
import type { MeasureOperations } from "./operation-prices.ts";
import { runMonitor } from "./monitor.ts";

type Density = Pick<CellSpec, "vms" | "overcommit" | "hostPages" | "settings">;

/** Why this VMM cannot be simulated like this on this machine, or undefined if it can. */
export function reasonToSkip(vmm: Vmm, profile: MachineProfile, { vms, settings }: Density): string | undefined {
  if (vmm.maxGuests !== undefined && (vms ?? 1) > vmm.maxGuests) {
    return `${vmm.name} runs at most ${vmm.maxGuests} guest${vmm.maxGuests === 1 ? "" : "s"}, not ${vms}`;
  }
  const { name, honoursMemorySettings, alone } = vmm.allocation.definition;
  if (alone === true && vmm.memory.length > 0) {
    return `${vmm.name} allocates memory by ${name}, which works alone; expected memory: off with it`;
  }
  if (honoursMemorySettings !== true && settings?.some(({ memory }) => memory !== undefined)) {
    return `${vmm.name} allocates memory by ${name}, which knows no settings of single VMs`;
  }
  const sharesDisks = vmm.disk.definition.queueOf?.(vmm.disk.parameters).sharing !== undefined;
  if (!sharesDisks && settings?.some(({ diskShares }) => diskShares !== undefined)) {
    return `${vmm.name} has the disk driver ${vmm.disk.definition.name}, which knows no disk shares`;
  }
  const mechanisms = vmm.memory.map(({ definition }) => definition);
  const has = (wanted: string): boolean => mechanisms.some((one) => one.name === wanted || one.role === wanted);
  const { seesWith } = vmm.allocation.definition;
  if (seesWith !== undefined && !has(seesWith)) {
    return `${vmm.name} allocates memory by ${name}, which goes by what only ${seesWith} shows; expected a VMM with it`;
  }
  const parts = [vmm.allocation.definition, ...mechanisms];
  const idle = parts.find(({ onlyWith }) => onlyWith !== undefined && !has(onlyWith));
  if (idle !== undefined) return `${vmm.name} has ${idle.name} without ${idle.onlyWith}, which is what makes use of it`;
  if (settings?.some(({ startUs }) => startUs !== undefined) === true && vmm.startCost !== undefined) {
    if (profile.costs[vmm.startCost] === undefined) return `machine ${profile.name} gives no cost of ${vmm.startCost}`;
  }
  const { name: scheduler, ofKernel } = vmm.scheduler.definition;
  if (vms !== undefined && ofKernel !== undefined && ofKernel !== profile.kernel) {
    return `${vmm.name} has ${scheduler}, the scheduler of ${ofKernel}, and machine ${profile.name} has ${profile.kernel}`;
  }
  const slots = vms === undefined ? MONITOR_SLOTS : SLOTS;
  const needs = slots.flatMap((slot) => partsIn(vmm, slot)).flatMap((part) => part.definition.needs ?? []);
  const missing = [...new Set(needs)].filter((name) => profile.costs[name] === undefined);
  return missing.length === 0 ? undefined : `machine ${profile.name} gives no cost of ${missing.join(", ")}`;
}

/**
 * Run the guests on the VMM: one alone with every trap (no `vms`), or many on a host with every page. `measure` may hold
 * what operations were measured to cost in other cells; `watch` is told why the memory of a host goes where it goes.
 */
export function simulate(
  vmm: Vmm,
  profile: MachineProfile,
  guests: readonly CompiledWorkload[],
  { vms, overcommit = 1, hostPages, settings }: Density,
  measure?: MeasureOperations,
  watch?: HostWatch,
): CellOutcome {
  if (vms === undefined) return runMonitor(vmm, profile, guests[0]);
  const configuredPages = guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
  const pages = hostPages ?? pagesForVms(configuredPages, overcommit);
  return runHost(vmm, profile, guests, pages, measure, watch, settings);
}

/** Digest of everything the guests do; cells are compared only if it is equal. */
export function workDigest(guests: readonly CompiledWorkload[]): string {
  return guests.length === 1 ? guests[0].stream.digest : digest(guests.map(({ stream }) => stream.digest).join(" "));
}
