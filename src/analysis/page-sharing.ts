/**
 * What an ideal content-based page sharer could save on a set of VMs, counted exactly from the fingerprints of their pages.
 * "Reclaimable" is pages minus distinct contents (Waldspurger 2002, section 4); the split says where it comes from.
 */
import { sum } from "../core/sum.ts";
import { ZERO_PAGE_FINGERPRINT } from "../machine/content-ids.ts";

/** Counts over the pages of one VM. */
export interface VmContents {
  readonly pages: number;
  readonly zeroPages: number;
  readonly distinctContents: number;
}

export interface PageSharing extends VmContents {
  /** Pages minus distinct contents; the sum of {@link split}. */
  readonly reclaimablePages: number;
  readonly split: {
    /** Zero pages beyond one for the whole set. */
    readonly zeroPagesOverOne: number;
    /** Nonzero pages whose content the same VM has elsewhere: all copies beyond the first. */
    readonly intraVm: number;
    /** Nonzero contents that other VMs of the set have too: distinct contents summed over VMs minus those of the union. */
    readonly interVm: number;
  };
  readonly perVm: readonly VmContents[];
  /** Number of copies in the whole set -> how many nonzero contents have so many. */
  readonly contentsByCopies: ReadonlyMap<number, number>;
  /** Number of VMs -> how many nonzero contents occur in so many. */
  readonly contentsByVms: ReadonlyMap<number, number>;
}

/** Exact sharing figures of a set of VMs, each given as one fingerprint a page. */
export function pageSharing(vms: readonly BigUint64Array[]): PageSharing {
  const distinctOfVms = vms.map(distinctNonzero);
  const perVm = vms.map((vm, index) => countContents(vm.length, distinctOfVms[index]));
  const contentsByVms = groupSizes(concatenate(distinctOfVms.map((vm) => vm.contents)));
  const contentsByCopies = groupSizes(nonzeroSorted(concatenate(vms)));

  const pages = sum(perVm.map((vm) => vm.pages));
  const zeroPages = sum(perVm.map((vm) => vm.zeroPages));
  const distinctNonzeroContents = sum([...contentsByVms.values()]);
  const distinctContents = distinctNonzeroContents + Math.min(zeroPages, 1);
  const distinctSummedOverVms = sum(distinctOfVms.map((vm) => vm.contents.length));
  return {
    pages,
    zeroPages,
    distinctContents,
    reclaimablePages: pages - distinctContents,
    split: {
      zeroPagesOverOne: Math.max(zeroPages - 1, 0),
      intraVm: pages - zeroPages - distinctSummedOverVms,
      interVm: distinctSummedOverVms - distinctNonzeroContents,
    },
    perVm,
    contentsByCopies,
    contentsByVms,
  };
}

interface DistinctNonzero {
  readonly zeroPages: number;
  /** Sorted, without repetition. */
  readonly contents: BigUint64Array;
}

function distinctNonzero(fingerprints: BigUint64Array): DistinctNonzero {
  const sorted = nonzeroSorted(fingerprints);
  let count = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i];
  }
  return { zeroPages: fingerprints.length - sorted.length, contents: sorted.subarray(0, count) };
}

function countContents(pages: number, { zeroPages, contents }: DistinctNonzero): VmContents {
  return { pages, zeroPages, distinctContents: contents.length + Math.min(zeroPages, 1) };
}

/** A sorted copy without the zero pages. */
function nonzeroSorted(fingerprints: BigUint64Array): BigUint64Array {
  return fingerprints.filter((fingerprint) => fingerprint !== ZERO_PAGE_FINGERPRINT).sort();
}

/** How many groups of equal values there are, by size of the group, ascending. Sorts its argument. */
function groupSizes(values: BigUint64Array): Map<number, number> {
  values.sort();
  const sizes = new Map<number, number>();
  let start = 0;
  for (let i = 1; i <= values.length; i++) {
    if (i < values.length && values[i] === values[start]) continue;
    sizes.set(i - start, (sizes.get(i - start) ?? 0) + 1);
    start = i;
  }
  return new Map([...sizes].sort(([a], [b]) => a - b));
}

function concatenate(parts: readonly BigUint64Array[]): BigUint64Array {
  const whole = new BigUint64Array(sum(parts.map((part) => part.length)));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
