/** Different work on one host, in proportions that hold for any number of VMs as well as whole VMs can keep them. */
import { sum } from "../core/sum.ts";
import type { VmGroup } from "../workload/vm-settings.ts";

/** How many VMs of a whole run a workload: names, or paths relative to the matrix file. */
export type WorkloadMix = readonly { readonly workload: string; readonly vms: number }[];

/**
 * How many of `vms` VMs each workload gets: by largest remainders (Hamilton's method), so that none is off its part by a whole
 * VM; of equal remainders the earlier one wins.
 */
export function vmsOfMix(mix: WorkloadMix, vms: number): readonly number[] {
  const total = mix.reduce((sum, part) => sum + part.vms, 0);
  const counts = mix.map((part) => Math.floor((part.vms * vms) / total));
  const remainders = mix.map((part, at) => ({ at, remainder: (part.vms * vms) % total }));
  remainders.sort((a, b) => b.remainder - a.remainder || a.at - b.at);
  const left = vms - sum(counts);
  for (const { at } of remainders.slice(0, left)) counts[at]++;
  return counts;
}

/** The VMs of the first workload come first and need no settings. */
export function settingsOfMix(mix: WorkloadMix, vms: number): readonly VmGroup[] {
  let next = 0;
  return vmsOfMix(mix, vms).flatMap((count, i) => {
    const first = next;
    next += count;
    return i === 0 || count === 0 ? [] : [{ first, last: next - 1, workload: mix[i].workload }];
  });
}
