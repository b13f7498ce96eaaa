/** What is particular about VMs, in words. */
import { type CellSpec, fileTitle } from "../sim/cell.ts";
import { twoDecimals } from "./service-level.ts";
import { PAGES_PER_MIB } from "../machine/page.ts";
import { type DriverFaults, type StatisticsFaults, type VmGroup, vmsOfGroup } from "../workload/vm-settings.ts";

/** "memory-bomb in VM 3", "VM 3 with its balloon driver stuck from 30 s on"; "VM 3" if nothing is. */
export function groupTitle(group: VmGroup): string {
  const { workload, memory, driver, statistics } = group;
  const particulars = [
    ...(memory === undefined ? [] : ["memory settings of its own"]),
    ...(driver === undefined ? [] : driverFaults(driver)),
    ...(statistics === undefined ? [] : statisticsFaults(statistics)),
  ];
  const vms = workload === undefined ? vmsOfGroup(group) : `${fileTitle(workload)} in ${vmsOfGroup(group)}`;
  return particulars.length === 0 ? vms : `${vms} with ${particulars.join(", ")}`;
}

/** "typical-server in VMs 0 to 3" where others do other work, else "the others". */
export function othersTitle({ workload, vms = 1, settings = [] }: CellSpec): string {
  if (settings.every((group) => (group.workload ?? workload) === workload)) return "the others";
  const between: { first: number; last: number }[] = [];
  let next = 0;
  for (const { first, last } of settings.toSorted((a, b) => a.first - b.first)) {
    if (first > next) between.push({ first: next, last: first - 1 });
    next = last + 1;
  }
  if (vms > next) between.push({ first: next, last: vms - 1 });
  return `${fileTitle(workload)} in ${between.map(vmsOfGroup).join(" and ")}`;
}

function driverFaults({ fromUs = 0, stuckFromUs, pagesPerSecond }: DriverFaults): readonly string[] {
  if (fromUs === "never") return ["no balloon driver"];
  return [
    ...(fromUs === 0 ? [] : [`a balloon driver that starts at ${seconds(fromUs)}`]),
    ...(stuckFromUs === undefined ? [] : [`its balloon driver stuck from ${seconds(stuckFromUs)} on`]),
    ...(pagesPerSecond === undefined ? [] : [`a balloon driver of ${pagesPerSecond} pages/s`]),
  ];
}

function statisticsFaults(faults: StatisticsFaults): readonly string[] {
  const { missing, staleFromUs, delayUs, overstatedPages } = faults;
  if (missing === true) return ["no statistics"];
  return [
    ...(staleFromUs === undefined ? [] : [`statistics that stay as at ${seconds(staleFromUs)}`]),
    ...(delayUs === undefined ? [] : [`statistics ${seconds(delayUs)} old`]),
    ...(overstatedPages === undefined
      ? []
      : [`statistics of ${twoDecimals(overstatedPages / PAGES_PER_MIB)} MiB too much`]),
  ];
}

function seconds(us: number): string {
  return `${twoDecimals(us / 1e6)} s`;
}
