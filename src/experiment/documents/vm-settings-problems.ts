/** What is wrong with the settings of VMs although every value by itself is right. Paths are those below `settings`. */
import { counted } from "../../core/counted.ts";
import { sizeOf } from "../../guest/boot-memory.ts";
import { pagesForVms } from "../../sim/cell.ts";
import { type VmGroup, vmsOfGroup } from "../../workload/vm-settings.ts";
import type { DocumentProblem } from "./yaml-document.ts";

/** How many VMs share a host of how many pages. */
export interface HostDensity {
  readonly vms: number;
  readonly overcommit: number;
  /** Configured memory of each VM that runs the workload of the cell. */
  readonly vmPages: number;
  /** Configured memory of each VM of a group with a workload of its own, in the order of the groups. */
  readonly groupPages?: readonly (number | undefined)[];
  /** Simulated time of the run; 0: until the work is done. */
  readonly durationUs: number;
}

/** What shows without knowing the VMs. */
export function groupProblems(groups: readonly VmGroup[]): readonly DocumentProblem[] {
  return groups.flatMap((group, i) => {
    const problems: DocumentProblem[] = [];
    if (group.last < group.first)
      problems.push({
        path: [i, "vms"],
        message: `${group.first}..${group.last} is empty; did you mean ${group.last}..${group.first}?`,
      });
    const taken = groups.slice(0, i).find((other) => other.first <= group.last && group.first <= other.last);
    if (taken !== undefined) {
      const twice = Math.max(taken.first, group.first);
      problems.push({ path: [i, "vms"], message: `VM ${twice} has settings already; expected each VM once` });
    }
    const { reservationPages = 0, limitPages = Infinity } = group.memory ?? {};
    if (reservationPages > limitPages) {
      const message = `${vmsOfGroup(group)}: a reservation of ${sizeOf(reservationPages)} is more than the limit, ${sizeOf(limitPages)}`;
      problems.push({ path: [i, "memory", "reservation"], message });
    }
    return problems;
  });
}

/** What shows when the size of the VMs and of the host are known. */
export function densityProblems(groups: readonly VmGroup[], density: HostDensity): readonly DocumentProblem[] {
  const { vms, overcommit, vmPages, groupPages = [], durationUs } = density;
  const pagesOf = (i: number): number => groupPages[i] ?? vmPages;
  const problems: DocumentProblem[] = [];
  for (const [i, group] of groups.entries()) {
    if (group.last >= vms) {
      problems.push({
        path: [i, "vms"],
        message: `there is no VM ${group.last} where vms is ${vms}; expected 0 to ${vms - 1}`,
      });
    }
    if (durationUs > 0 && group.startUs !== undefined && group.startUs >= durationUs) {
      const message = `${vmsOfGroup(group)}: a start after ${group.startUs / 1e6}s is no earlier than the end of the run, ${durationUs / 1e6}s`;
      problems.push({ path: [i, "start"], message });
    }
    for (const key of ["reservation", "limit"] as const) {
      const pages = group.memory?.[`${key}Pages`];
      if (pages === undefined || pages <= pagesOf(i)) continue;
      const message = `${vmsOfGroup(group)}: a ${key} of ${sizeOf(pages)} is more than configured memory, ${sizeOf(pagesOf(i))}`;
      problems.push({ path: [i, "memory", key], message });
    }
  }
  const reserving = groups.filter(({ memory }) => memory?.reservationPages !== undefined);
  const reserved = reserving.reduce((sum, group) => sum + reservedBy(group), 0);
  const others = groups.reduce((sum, group, i) => sum + sizeOfGroup(group) * (pagesOf(i) - vmPages), 0);
  const hostPages = pagesForVms(vms * vmPages + others, overcommit);
  if (problems.length === 0 && reserved > hostPages) {
    const host = `the host's ${sizeOf(hostPages)} with ${counted(vms, "VM")} at an overcommit of ${overcommit}`;
    const message = `${reserving.map(vmsOfGroup).join(", ")}: reservations of ${sizeOf(reserved)} together are more than ${host}`;
    problems.push({ path: [groups.indexOf(reserving[0]), "memory", "reservation"], message });
  }
  return problems;
}

function reservedBy(group: VmGroup): number {
  return sizeOfGroup(group) * (group.memory?.reservationPages ?? 0);
}

function sizeOfGroup({ first, last }: VmGroup): number {
  return last - first + 1;
}
