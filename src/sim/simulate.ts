/** One cell, simulated: the number of guests decides the resolution. */
import { digest } from "../core/digest.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { type CellOutcome, type CellSpec, pagesForVms } from "./cell.ts";
import { runHost } from "./host.ts";
import type { HostWatch } from "./host-watch.ts";
import type { MeasureOperations } from "./operation-prices.ts";
import { runMonitor } from "./monitor.ts";

/** How many guests share a host of what size, and what is particular about some of them. */
export type Density = Pick<CellSpec, "vms" | "overcommit" | "hostPages" | "settings">;

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
  return runHost(vmm, profile, guests, pages, measure, { watch, groups: settings });
}

/** Digest of everything the guests do; cells are compared only if it is equal. */
export function workDigest(guests: readonly CompiledWorkload[]): string {
  return guests.length === 1 ? guests[0].stream.digest : digest(guests.map(({ stream }) => stream.digest).join(" "));
}
