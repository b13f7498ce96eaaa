/** Which VMs of a host are of one kind: the same workload and the same settings. */
import { type CellSpec, fileTitle } from "../sim/cell.ts";
import { groupOf, type VmGroup } from "../workload/vm-settings.ts";
import { OTHERS } from "./group-figures.ts";
import { groupTitle } from "./vm-group-title.ts";

export interface VmKind {
  /** The same on hosts with more or fewer VMs, whatever it is called among the kinds of each. */
  readonly id: string;
  /** Number in the settings of the cell, or {@link OTHERS}. */
  readonly group: number;
  /** What it is called, on hosts with more or fewer VMs, too. */
  readonly of: string;
  readonly workload: string;
  readonly vms: number;
}

/** One for each group that has VMs, the others first; a single one where all are alike, listed apart or not. */
export function vmKinds(spec: CellSpec): readonly VmKind[] {
  const { workload, vms = 1, settings = [] } = spec;
  const groupsOfVms = Array.from({ length: vms }, (_, vm) => {
    const group = groupOf(settings, vm);
    return group === undefined ? OTHERS : settings.indexOf(group);
  });
  const groups = [...new Set(groupsOfVms)].sort((a, b) => a - b);
  const [first] = groups;
  if (new Set(groups.map((group) => particularsOf(spec, group))).size === 1) {
    const only = settingsOf(spec, first)?.workload ?? workload;
    return [{ id: `${particularsOf(spec, first)} 0`, group: first, of: fileTitle(only), workload: only, vms }];
  }
  const workloads = groups.map((group) => settingsOf(spec, group)?.workload ?? workload);
  const eachItsOwn = new Set(workloads).size === groups.length;
  return groups.map((group, at) => ({
    id: idOf(spec, group),
    group,
    of: eachItsOwn ? titleAmong(workloads[at], workloads) : titleOf(settingsOf(spec, group)),
    workload: workloads[at],
    vms: groupsOfVms.filter((one) => one === group).length,
  }));
}

/** Groups that are listed apart stay apart, though the same is particular of both: they are numbered, those without VMs on this host, too. */
function idOf(spec: CellSpec, group: number): string {
  const particulars = particularsOf(spec, group);
  const before = [OTHERS, ...(spec.settings ?? []).keys()].filter((other) => other < group);
  return `${particulars} ${before.filter((other) => particularsOf(spec, other) === particulars).length}`;
}

/** The same text for groups of which the same is particular, whichever VMs they are. */
export function particularsOf(spec: CellSpec, group: number): string {
  const { first: _first, last: _last, ...particulars } = settingsOf(spec, group) ?? { first: 0, last: 0 };
  const kind = { workload: spec.workload, ...particulars };
  return JSON.stringify(Object.entries(kind).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function settingsOf({ settings = [] }: CellSpec, group: number): VmGroup | undefined {
  return group in settings ? settings[group] : undefined;
}

function titleOf(group: VmGroup | undefined): string {
  return group === undefined ? "the others" : groupTitle(group);
}

/** The name of the file, with as many folders before it as tell it from other files of that name. */
function titleAmong(path: string, paths: readonly string[]): string {
  const { length } = path.split("/");
  for (let parts = 1; parts < length; parts++) {
    if (paths.filter((other) => tail(other, parts) === tail(path, parts)).length === 1) return tail(path, parts);
  }
  return path;
}

function tail(path: string, parts: number): string {
  return path.split("/").slice(-parts).join("/");
}
